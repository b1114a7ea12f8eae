"""What is Modal's own: names, environments, pickles, polls. The contract file has the rest."""

import os
import pickle
import time
from pathlib import Path

import cbor2
import grpclib
import modal
import pytest
from modal_proto import api_pb2

from governance.errors import ScorerUnavailable
from governance.scoring.backends.modal import ModalScorer, function_names
from governance.scoring.registry import check, score_call
from tests.governance.scoring.modal_server import CBOR, PICKLE, failed, succeeded
from tests.governance.scoring.test_scorer_contract import GOOD, assert_paused_for_want_of_a_score

Result = api_pb2.GenericResult


def test_the_call_travels_as_plain_json_in_cbor(modal_peer, call):
    modal_peer.answer(GOOD)
    score_call(call)
    [(data_format, (args, kwargs), _)] = modal_peer.payloads
    assert data_format == CBOR
    assert kwargs == {}
    assert args == [call.payload()]
    assert args[0]["arguments"] == {"to": "a@example.com", "body": "Hello"}


def test_a_method_of_a_class_is_called_by_its_name(modal_peer, call, settings):
    settings.MODAL_FUNCTION_NAME = "some-app/Scorer.assess"
    modal_peer.answer(GOOD)
    score = score_call(call)
    assert (score.risk_score, score.failure) == (42, "")
    assert modal_peer.payloads[0][2] == "assess"


def test_the_environment_is_a_setting_of_its_own(modal_peer, call, settings):
    settings.MODAL_ENVIRONMENT = "staging"
    modal_peer.answer(GOOD)
    score_call(call)
    assert modal_peer.environments == ["staging"]


@pytest.mark.parametrize(("setting", "names"), [
    ("nislam-mics/ATLAS-NIST-Measure", ("nislam-mics", "ATLAS-NIST-Measure")),
    ("atlas-welfare-v1/inference", ("atlas-welfare-v1", "inference")),
    ("app/Class.method", ("app", "Class.method")),
])  # fmt: skip
def test_names_are_parted_at_the_slash(settings, setting, names):
    settings.MODAL_FUNCTION_NAME = setting
    assert function_names() == names


@pytest.mark.parametrize("setting", ["", "/", "app", "app/", "/fn", "a/b/c", "app/Class.", "app/.method", "app/A.b.c"])
def test_incomplete_names_are_refused_before_any_call(modal_peer, call, settings, setting):
    settings.MODAL_FUNCTION_NAME = setting
    with pytest.raises(ScorerUnavailable, match="app/function"):
        function_names()
    assert_paused_for_want_of_a_score(score_call(call))
    assert "MODAL_FUNCTION_NAME" in check()
    assert modal_peer.seen == []


def test_an_unknown_function_is_named(modal_peer, call, settings):
    settings.MODAL_FUNCTION_NAME = "some-app/nowhere"
    score = score_call(call)
    assert_paused_for_want_of_a_score(score)
    assert score.failure == "Modal has no function some-app/nowhere."


@pytest.mark.parametrize("silent_at", ["FunctionGet", "FunctionMap", "FunctionGetOutputs"])
def test_silence_at_any_step_ends_at_the_timeout(modal_peer, call, settings, silent_at):
    modal_peer.answer(GOOD)
    assert score_call(call).failure == ""  # the client is there; what is left is the silence
    settings.SCORER_TIMEOUT_SECONDS = 1
    modal_peer.silent_at = silent_at
    score = score_call(call)
    assert_paused_for_want_of_a_score(score)
    assert score.failure == "Modal gave no answer within 1 s."
    assert modal_peer.asked.wait(10)
    assert modal_peer.hung_up.wait(10), "the call was left running, and may be sent later"


def test_a_port_where_nobody_listens_ends_at_the_timeout(modal_peer, call, settings, monkeypatch):
    """The client alone would try for 56 s."""
    monkeypatch.setenv("MODAL_SERVER_URL", "http://127.0.0.1:9")
    settings.SCORER_TIMEOUT_SECONDS = 0.5
    started = time.monotonic()
    assert_paused_for_want_of_a_score(score_call(call))
    assert time.monotonic() - started < 20
    assert modal_peer.seen == []


def test_an_answer_that_takes_some_polls_arrives(modal_peer, call):
    modal_peer.empty_polls = 3
    modal_peer.answer(GOOD)
    assert score_call(call).risk_score == 42
    assert modal_peer.seen.count("FunctionGetOutputs") == 4


class _Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def _reply(path: Path, *, as_error: bool) -> api_pb2.FunctionGetOutputsItem:
    data = pickle.dumps(_Malicious(path))
    return failed(Result.GENERIC_STATUS_FAILURE, "x", data, PICKLE) if as_error else succeeded(data, PICKLE)


@pytest.mark.parametrize("as_error", [False, True])
def test_a_pickled_reply_is_never_opened(modal_peer, call, tmp_path, as_error):
    path = tmp_path / "made-by-the-pickle"
    modal_peer.output = lambda: _reply(path, as_error=as_error)
    assert_paused_for_want_of_a_score(score_call(call))
    assert modal_peer.seen[-1] == "FunctionGetOutputs"
    assert not path.exists()
    pickle.loads(pickle.dumps(_Malicious(path)))  # the same pickle would have
    assert path.exists()


def test_even_a_harmless_pickle_is_refused_with_what_to_do(modal_peer, call):
    modal_peer.output = lambda: succeeded(pickle.dumps(GOOD), PICKLE)
    score = score_call(call)
    assert_paused_for_want_of_a_score(score)
    assert "pickle" in score.failure and "CBOR" in score.failure


def test_a_pickle_of_an_unspecified_format_is_refused(modal_peer, call, tmp_path):
    path = tmp_path / "made"
    data = pickle.dumps(_Malicious(path))
    modal_peer.output = lambda: failed(Result.GENERIC_STATUS_FAILURE, "x", data, api_pb2.DATA_FORMAT_UNSPECIFIED)
    assert_paused_for_want_of_a_score(score_call(call))
    assert not path.exists()


@pytest.mark.parametrize(("status", "named"), [
    (Result.GENERIC_STATUS_FAILURE, "RemoteError"),
    (Result.GENERIC_STATUS_TIMEOUT, "FunctionTimeoutError"),
    (Result.GENERIC_STATUS_INTERNAL_FAILURE, "InternalFailure"),
    (Result.GENERIC_STATUS_INIT_FAILURE, "RemoteError"),
])  # fmt: skip
def test_a_failing_function_pauses_without_its_words(modal_peer, call, status, named):
    modal_peer.output = lambda: failed(status, "ValueError('sk-secret')")
    score = score_call(call)
    assert_paused_for_want_of_a_score(score)
    assert named in score.failure
    assert "sk-secret" not in str(score)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xff", b"\x9f" * 5000, b"\x81" * 100_000, cbor2.dumps(b"bytes"), cbor2.dumps([GOOD]),
             cbor2.dumps({1: 2}), cbor2.dumps({**GOOD, "risk_score": float("nan")}),
             cbor2.dumps({**GOOD, "risk_score": 10**40}), cbor2.dumps({**GOOD, "risk_score": cbor2.undefined}),
             cbor2.dumps({**GOOD, "risk_score": cbor2.CBORTag(4, [0, 42])})],
)  # fmt: skip
def test_garbage_in_cbor_pauses(modal_peer, call, data):
    modal_peer.output = lambda: succeeded(data)
    assert_paused_for_want_of_a_score(score_call(call))
    assert modal_peer.seen[-1] == "FunctionGetOutputs"


def test_an_unknown_data_format_pauses(modal_peer, call):
    modal_peer.output = lambda: succeeded(cbor2.dumps(GOOD), 99)
    assert_paused_for_want_of_a_score(score_call(call))


@pytest.mark.parametrize("status", [grpclib.Status.PERMISSION_DENIED, grpclib.Status.RESOURCE_EXHAUSTED,
                                    grpclib.Status.INTERNAL, grpclib.Status.UNAVAILABLE])  # fmt: skip
def test_errors_of_the_service_pause(modal_peer, call, settings, status):
    settings.SCORER_TIMEOUT_SECONDS = 5
    modal_peer.fails_with = status
    assert_paused_for_want_of_a_score(score_call(call))
    assert check()


def test_one_client_serves_all_calls(modal_peer, call, monkeypatch):
    made = []
    original = modal.Client.from_credentials
    monkeypatch.setattr(modal.Client, "from_credentials", lambda *a, **k: made.append(a) or original(*a, **k))
    modal_peer.answer(GOOD)
    assert [score_call(call).risk_score for _ in range(5)] == [42] * 5
    assert len(made) <= 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_makes_its_own_client(modal_peer, call):
    modal_peer.answer(GOOD)
    assert score_call(call).risk_score == 42
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, str(ModalScorer().score(call).risk_score).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read, "rb") as result:
        assert result.read() == b"42"
