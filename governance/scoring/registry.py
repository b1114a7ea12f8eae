"""Which scorer is on, and the one door to it: `score_call` always answers, in bounded time, and fails to review."""

import contextvars
import logging
import os
import threading
import time
from dataclasses import replace
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.module_loading import import_string

from governance.errors import ScorerUnavailable
from governance.models import GovernanceRequest
from governance.scoring.base import MAX_FAILURE_CHARS, BadAnswer, ProposedCall, Score, Scorer, clean_text

log = logging.getLogger(__name__)

GRACE_SECONDS = 0.5  # a backend that bounds itself lets go of its connection first
MAX_IN_FLIGHT = 64  # threads inside the backend, those that never come back included
FAILURE_REPORTED_SECONDS = 300  # how long a failure without a later success keeps check() from being content

_places = threading.Semaphore(MAX_IN_FLIGHT)
_last_failure: tuple[float, str] | None = None


def _forget_parent() -> None:
    """A forked child has none of its parent's threads, so it must not wait for their places."""
    global _places, _last_failure
    _places, _last_failure = threading.Semaphore(MAX_IN_FLIGHT), None


os.register_at_fork(after_in_child=_forget_parent)


def proposed_call(request: GovernanceRequest) -> ProposedCall:
    """What a scorer is told of a request. Reads agent, team and tool."""
    tool = request.tool
    hint = tool.annotations.get("readOnlyHint")
    return ProposedCall(
        reference=request.reference, tool=tool.name, arguments=request.arguments, description=tool.description,
        agent=request.agent.name, team=request.team.name, stated_reason=request.stated_reason,
        intent=request.intent, context=request.context, read_only=hint if isinstance(hint, bool) else None,
    )


def active_scorer() -> Scorer:
    """The scorer of settings.SCORER. Raises ImproperlyConfigured when there is none or it cannot be loaded."""
    try:
        path = settings.SCORERS[settings.SCORER]
    except KeyError:
        known = ", ".join(sorted(settings.SCORERS))
        raise ImproperlyConfigured(f"ATLAS_SCORER is {settings.SCORER!r}; it must be one of: {known}.") from None
    return _scorer_at(path)


@lru_cache(maxsize=16)
def _scorer_at(path: str) -> Scorer:
    try:
        return import_string(path)()
    except Exception as error:  # importing and building it runs whatever code the path names
        raise ImproperlyConfigured(f"The scorer {path!r} cannot be loaded ({type(error).__name__}).") from error


def score_call(call: ProposedCall) -> Score:
    """The active scorer's Score, or one of 100, HIGH_RISK, PAUSE whose `failure` says why there is none.

    Never raises for a backend's sake and returns within settings.SCORER_TIMEOUT_SECONDS and GRACE_SECONDS.
    """
    global _last_failure
    started = time.monotonic()
    try:
        score = _within_time(call)
    except BadAnswer as error:
        score = _no_score(str(error))
    except ScorerUnavailable as error:
        score = _no_score(str(error))
        _last_failure = (time.monotonic(), score.failure)
    else:
        _last_failure = None
    if score.failure:
        log.warning("No usable risk score for %s from %s, to review: %s", call.reference, score.scorer, score.failure)
    return replace(score, duration_ms=int((time.monotonic() - started) * 1000))


def check() -> str:
    """Why the scorer is not ready, empty when it is. Calls nobody: settings, and what this process saw last."""
    try:
        scorer = active_scorer()
    except ImproperlyConfigured as error:
        return str(error)
    reason = scorer.check() if hasattr(scorer, "check") else ""
    if reason or _last_failure is None:
        return reason
    seen, failure = _last_failure
    age = time.monotonic() - seen
    return f"Scorer {settings.SCORER}, {age:.0f} s ago: {failure}" if age < FAILURE_REPORTED_SECONDS else ""


class _Attempt:
    """One call of a backend in a thread of its own, so that a backend which never returns cannot hold us."""

    def __init__(self, call: ProposedCall) -> None:
        self.call = call
        self.score: Score | None = None
        self.error: BaseException | None = None
        self.finished = threading.Event()

    def run(self) -> None:
        try:
            self.score = active_scorer().score(self.call)
        except BaseException as error:  # failing closed demands it: also SystemExit raised by a client library
            self.error = error
        finally:
            self.finished.set()
            connections.close_all()  # of this thread, should a scorer read the database


def _within_time(call: ProposedCall) -> Score:
    """The backend's Score. Raises ScorerUnavailable for everything else, whatever the backend did."""
    timeout, places = settings.SCORER_TIMEOUT_SECONDS, _places
    deadline = time.monotonic() + timeout
    if not places.acquire(timeout=timeout):
        raise ScorerUnavailable(f"{MAX_IN_FLIGHT} earlier calls still hang in the scorer.")
    attempt, context = _Attempt(call), contextvars.copy_context()

    def run() -> None:
        try:
            context.run(attempt.run)
        finally:
            places.release()

    threading.Thread(target=run, name=f"score-{call.reference}", daemon=True).start()
    if not attempt.finished.wait(max(deadline - time.monotonic(), 0) + GRACE_SECONDS):
        raise ScorerUnavailable(f"The scorer gave no answer within {timeout:g} s.")
    if isinstance(attempt.error, ScorerUnavailable):
        raise attempt.error
    if isinstance(attempt.error, ImproperlyConfigured):
        raise ScorerUnavailable(str(attempt.error)) from attempt.error
    if attempt.error is not None:
        log.error("The scorer failed on %s", call.reference, exc_info=attempt.error)
        raise ScorerUnavailable(f"The scorer failed with {type(attempt.error).__name__}; the log has the details.")
    if not isinstance(attempt.score, Score):
        raise BadAnswer(f"The scorer returned {type(attempt.score).__name__} instead of a Score.")
    return replace(attempt.score, scorer=attempt.score.scorer or settings.SCORER)


def _no_score(reason: str) -> Score:
    failure = clean_text(reason, MAX_FAILURE_CHARS) or "The scorer gave no reason."
    version = getattr(_scorer_or_none(), "version", "")
    return Score(
        risk_score=100, classification="HIGH_RISK", action="PAUSE", scorer=settings.SCORER, version=version,
        rationale=f"There is no usable risk score, so this counts as 100 and a person decides. {failure}",
        failure=failure,
    )


def _scorer_or_none() -> Scorer | None:
    try:
        return active_scorer()
    except ImproperlyConfigured:
        return None
