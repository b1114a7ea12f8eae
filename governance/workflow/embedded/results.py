"""What follows from a call: its result, the next job and the end of the old one, in one transaction under the fence.

A job that goes on ("step") is its run's only pending thing. A job of one parallel step shares its run with others, so
it takes the run's row first: the last one to finish sees that nothing else is pending and plans the join.
"""

import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from governance.models import Job, Pause, Run
from governance.workflow.embedded.backoff import retry_after
from governance.workflow.embedded.calls import Answer, failure
from governance.workflow.embedded.claims import LEASE, LeaseLost, held
from governance.workflow.embedded.expressions import ExpressionError, compile_expression
from governance.workflow.embedded.runs import GO_ON, complete, fail, go_on, keep_memo

log = logging.getLogger(__name__)

Backoff = Callable[[int], timedelta]
Operation = dict[str, Any]

_DURATION = re.compile(r"^(\d+)([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class UnsupportedOperation(Exception):
    """The function asks for something this executor does not do; the run fails."""


def record(job: Job, answer: Answer, *, max_attempts: int, backoff: Backoff) -> Job | None:
    """Keeps the answer of a claimed job. The same job when its run goes on at once, still claimed.

    Raises LeaseLost when the claim no longer holds; then nothing was written.
    """
    try:
        return _Result(job, answer, max_attempts, backoff).write()
    except (DataError, IntegrityError, ValueError) as error:  # the database takes no such value (NUL, lone surrogate)
        log.warning("the result of run %s cannot be stored: %s", job.run.run_id, error)
        refused = failure("OutputUnserializableError", "the output cannot be stored in the database")
        return _Result(job, refused, max_attempts, backoff).write()


class _Result:
    def __init__(self, job: Job, answer: Answer, max_attempts: int, backoff: Backoff) -> None:
        self.job, self.answer, self.run = job, answer, job.run
        self.is_last_attempt = job.attempt + 1 >= max_attempts
        self.backoff = backoff
        self.now = timezone.now()

    @transaction.atomic
    def write(self) -> Job | None:
        if self.job.step_id != GO_ON:
            Run.objects.select_for_update().get(pk=self.run.pk)
        if self.answer.status == 206:
            return self._operations(self.answer.body)
        if self.answer.status == 200:
            self._take_job()
            complete(self.run, self.answer.body, now=self.now)
        elif self.answer.retryable and not self.is_last_attempt:
            self._try_again(self.answer.error)
        else:
            self._take_job()
            fail(self.run, self.answer.error, now=self.now)
        return None

    def _operations(self, operations: list[Operation]) -> Job | None:
        if len(operations) == 1 and operations[0]["op"] in ("StepRun", "StepError", "StepFailed"):
            return self._step(operations[0])
        self._take_job()
        try:
            for operation in operations:
                self._plan(operation)
        except (UnsupportedOperation, ExpressionError) as error:
            fail(self.run, {"name": type(error).__name__, "message": str(error), "stack": ""}, now=self.now)
        return None

    def _step(self, operation: Operation) -> Job | None:
        if operation["op"] == "StepRun":
            memo = {"data": operation.get("data")}
        elif operation["op"] == "StepError" and self.answer.retryable and not self.is_last_attempt:
            self._try_again(operation.get("error") or {})
            return None
        else:
            error = operation.get("error") or {}
            memo = {"error": {part: str(error.get(part) or "") for part in ("name", "message", "stack")}}
        if self.job.step_id == GO_ON:
            return self._go_on_with_job(operation, memo)
        self._take_job()
        self._keep(operation, memo)
        go_on(self.run, now=self.now)
        return None

    def _plan(self, operation: Operation) -> None:
        options = operation.get("opts") or {}
        if options.get("parallelMode"):
            raise UnsupportedOperation(f"parallel mode {options['parallelMode']} is not supported")
        match operation["op"]:
            case "StepPlanned":
                Job.objects.create(run=self.run, step_id=operation["id"], run_at=self.now)
            case "Sleep":
                self._pause(operation, expires_at=datetime.fromisoformat(operation["name"]))
            case "WaitForEvent":
                text = options.get("if") or ""
                self._pause(
                    operation, event_name=operation["name"], expression=text,
                    match_key=compile_expression(text).match_key(self.run.event),
                    expires_at=self.now + _duration(options["timeout"]),
                )
            case other:
                raise UnsupportedOperation(f"the embedded executor does not support the step operation {other}")

    def _pause(self, operation: Operation, **fields: Any) -> None:
        Pause.objects.create(
            run=self.run, step_id=operation["id"], name=str(operation.get("displayName", ""))[:200], **fields
        )

    def _keep(self, operation: Operation, memo: Any) -> None:
        keep_memo(self.run, operation["id"], str(operation.get("displayName", "")), memo, now=self.now)

    def _take_job(self) -> None:
        if not held(self.job).delete()[0]:
            raise LeaseLost(str(self.job))

    def _go_on_with_job(self, operation: Operation, memo: Any) -> Job:
        """The next call is this job again, from attempt 0, and stays with its worker: one commit a step."""
        if not held(self.job).update(attempt=0, run_at=self.now, lease_until=self.now + LEASE):
            raise LeaseLost(str(self.job))
        self._keep(operation, memo)
        self.job.attempt = 0  # only now: nothing above may fail any more
        return self.job

    def _try_again(self, error: dict[str, Any]) -> None:
        wait = retry_after(self.answer.retry_after, self.now) or self.backoff(self.job.attempt)
        planned = held(self.job).update(
            attempt=self.job.attempt + 1, run_at=self.now + wait, lease_owner="", lease_until=None
        )
        if not planned:
            raise LeaseLost(str(self.job))
        log.warning(
            "attempt %d of run %s failed, the next one is in %d s: %s: %s",
            self.job.attempt, self.run.run_id, wait.total_seconds(), error.get("name"), error.get("message"),
        )


def _duration(text: str) -> timedelta:
    match = _DURATION.match(text)
    if match is None:
        raise UnsupportedOperation(f"the timeout {text} is not supported")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
