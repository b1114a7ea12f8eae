"""score_call answers whatever a backend does. The misbehaving backends here are real classes, reached by settings."""

import os
import threading
import time
from dataclasses import replace

import pytest
from django.core.exceptions import ImproperlyConfigured

from governance.errors import ScorerUnavailable
from governance.logs import log_reference
from governance.scoring import registry
from governance.scoring.base import ProposedCall, Score
from governance.scoring.registry import active_scorer, check, proposed_call, score_call
from tests.governance.scoring.test_scorer_contract import assert_paused_for_want_of_a_score

ALLOWING = Score(risk_score=1, classification="LOW_RISK", action="ALLOW", rationale="Fine.")
HERE = __name__
release = threading.Event()


class Allows:
    version = "allows-1"

    def score(self, call: ProposedCall) -> Score:
        return ALLOWING


class Hangs(Allows):
    def score(self, call: ProposedCall) -> Score:
        release.wait(60)
        return ALLOWING


class Unavailable(Allows):
    def score(self, call: ProposedCall) -> Score:
        raise ScorerUnavailable("The model moved away.\x00" + "x" * 1000)


class Crashes(Allows):
    def score(self, call: ProposedCall) -> Score:
        raise KeyError("sk-secret")


class Exits(Allows):
    def score(self, call: ProposedCall) -> Score:
        raise SystemExit(0)


class Interrupts(Allows):
    def score(self, call: ProposedCall) -> Score:
        raise KeyboardInterrupt


class ReturnsNothing(Allows):
    def score(self, call: ProposedCall) -> Score:
        return None  # type: ignore[return-value]


class ReturnsADict(Allows):
    def score(self, call: ProposedCall) -> Score:
        return {"risk_score": 0, "action": "ALLOW"}  # type: ignore[return-value]


class ScoresOutside(Allows):
    def score(self, call: ProposedCall) -> Score:
        return replace(ALLOWING, risk_score=-5)


class AllowsHighRisk(Allows):
    def score(self, call: ProposedCall) -> Score:
        return replace(ALLOWING, risk_score=90)


class NeedsAnArgument(Allows):
    def __init__(self, key: str) -> None:
        raise AssertionError("never built")


class SeesTheLog(Allows):
    def score(self, call: ProposedCall) -> Score:
        from governance.logs import _reference

        return replace(ALLOWING, rationale=_reference.get())


@pytest.fixture
def scorer(settings):
    release.clear()

    def use(cls: type) -> None:
        settings.SCORERS = {**settings.SCORERS, cls.__name__: f"{HERE}.{cls.__name__}"}
        settings.SCORER = cls.__name__

    yield use
    release.set()


def test_a_score_names_its_scorer_and_its_time(scorer, call):
    scorer(Allows)
    score = score_call(call)
    assert (score.risk_score, score.scorer, score.failure) == (1, "Allows", "")
    assert score.duration_ms >= 0


@pytest.mark.parametrize("cls", [Unavailable, Crashes, Exits, Interrupts, ReturnsNothing, ReturnsADict, ScoresOutside,
                                 AllowsHighRisk, NeedsAnArgument])  # fmt: skip
def test_whatever_a_scorer_does_wrong_goes_to_review(scorer, call, cls):
    scorer(cls)
    score = score_call(call)
    assert_paused_for_want_of_a_score(score)
    assert score.scorer == cls.__name__
    assert len(score.failure) <= 500
    assert "\x00" not in score.failure
    assert "sk-secret" not in score.failure


@pytest.mark.parametrize("path", ["", "nowhere", "nowhere.at.all", f"{HERE}.Missing"])
def test_a_scorer_that_cannot_be_loaded_goes_to_review(settings, call, path):
    settings.SCORERS = {"lost": path}
    settings.SCORER = "lost"
    assert_paused_for_want_of_a_score(score_call(call))
    assert check()


def test_an_unknown_scorer_is_named_with_those_there_are(settings, call):
    settings.SCORER = "embeded"
    assert_paused_for_want_of_a_score(score_call(call))
    assert check() == "ATLAS_SCORER is 'embeded'; it must be one of: embedded, modal, openai."
    with pytest.raises(ImproperlyConfigured):
        active_scorer()


def test_a_scorer_that_never_returns_is_left_behind(scorer, call, settings):
    scorer(Hangs)
    settings.SCORER_TIMEOUT_SECONDS = 0.2
    started = time.monotonic()
    score = score_call(call)
    assert_paused_for_want_of_a_score(score)
    assert score.failure == "The scorer gave no answer within 0.2 s."
    assert time.monotonic() - started < 20


def test_hanging_calls_are_bounded_and_end_in_review(scorer, call, settings, monkeypatch):
    monkeypatch.setattr(registry, "_places", threading.Semaphore(2))
    scorer(Hangs)
    settings.SCORER_TIMEOUT_SECONDS = 0.1
    before = threading.active_count()
    failures = [score_call(call).failure for _ in range(4)]
    assert threading.active_count() - before <= 2
    assert all("hang" in failure for failure in failures[2:])
    release.set()
    settings.SCORER_TIMEOUT_SECONDS = 20
    assert score_call(call).failure == "", "places come back when the hanging calls end"


def test_readiness_names_the_last_failure_until_a_success(scorer, call):
    scorer(Unavailable)
    assert check() == ""
    score_call(call)
    assert "The model moved away." in check()
    scorer(Allows)
    score_call(call)
    assert check() == ""


def test_an_old_failure_no_longer_counts(scorer, monkeypatch):
    scorer(Allows)
    monkeypatch.setattr(registry, "_last_failure", (time.monotonic() - 301, "long ago"))
    assert check() == ""


def test_failures_are_logged_with_their_reason(scorer, call, caplog):
    scorer(Unavailable)
    score_call(call)
    assert call.reference in caplog.text
    assert "The model moved away." in caplog.text


def test_a_crash_is_logged_with_its_trace(scorer, call, caplog):
    scorer(Crashes)
    score_call(call)
    assert "in score" in caplog.text and "KeyError" in caplog.text


def test_the_scorers_log_lines_carry_the_reference(scorer, call):
    scorer(SeesTheLog)
    with log_reference("evt_fedcba9876543210"):
        assert score_call(call).rationale == "evt_fedcba9876543210"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_does_not_wait_for_its_parents_calls(scorer, call, settings, monkeypatch):
    monkeypatch.setattr(registry, "_places", threading.Semaphore(0))
    scorer(Allows)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, str(score_call(call).risk_score).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read, "rb") as result:
        assert result.read() == b"1"


def test_a_call_is_described_from_its_request():
    class Row:
        def __init__(self, **fields: object) -> None:
            self.__dict__.update(fields)

    tool = Row(name="pay", description="Pays.", annotations={"readOnlyHint": "yes"})
    request = Row(reference="evt_1", tool=tool, arguments={"amount": 1}, agent=Row(name="a"), team=Row(name="t"),
                  stated_reason="r", intent="i", context={"k": 1})
    assert proposed_call(request) == ProposedCall(
        reference="evt_1", tool="pay", description="Pays.", arguments={"amount": 1}, agent="a", team="t",
        stated_reason="r", intent="i", context={"k": 1}, read_only=None,
    )
    tool.annotations = {"readOnlyHint": False}
    assert proposed_call(request).read_only is False
