"""The single-node executor: one dispatcher thread that finds work, and a few worker threads that call the functions.

Everything it knows is in the database, so it can be killed at any point; several of them may share one database. The
dispatcher never calls a function, so a slow tool call holds up neither heartbeats nor other runs.
"""

import itertools
import logging
import queue
import threading
import time
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection, connections
from django.utils import timezone

from governance.events import EXECUTOR
from governance.models import Job, Run
from governance.process import identity
from governance.workflow.embedded import claims
from governance.workflow.embedded.backoff import backoff as table_backoff
from governance.workflow.embedded.calls import Answer, Functions, failure
from governance.workflow.embedded.ingest import expire_pauses, take_in
from governance.workflow.embedded.results import Backoff, record
from governance.workflow.health import Pulse
from governance.workflow.loops import Loop

log = logging.getLogger(__name__)

WORKERS = 8
POLL_SECONDS = 1.0  # the net under the wake-ups: events of other processes, leases that ran out
ABANDONED_SECONDS = 0.5
RECORD_PATIENCE_SECONDS = 20.0  # less than a lease: a result outlives a restart of the database
DEFAULT_ATTEMPTS = 21

_numbers = itertools.count(1)


class Executor:
    def __init__(self, functions: Functions, *, workers: int = WORKERS, backoff: Backoff = table_backoff) -> None:
        self.functions = functions
        self.owner = f"{identity()}#{next(_numbers)}"
        self._backoff = backoff
        self._size = workers
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._in_hand: dict[int, Job] = {}
        self._lock = threading.Lock()
        self._dispatcher = Loop(EXECUTOR, self._round)
        self._pulse = Pulse(EXECUTOR)
        self._next_renewal = self._next_search = 0.0
        self._workers = [
            threading.Thread(target=self._work, name=f"executor-{n}", daemon=True) for n in range(workers)
        ]

    def start(self) -> None:
        """Picks up unfinished runs at once. The threads are daemons: a tool call in flight does not hold the exit."""
        self._dispatcher.start()
        for thread in self._workers:
            thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Begins nothing new. A call in flight keeps its lease: it ends, or its successor takes it over."""
        self._dispatcher.begin_stop()
        for _ in self._workers:
            self._queue.put(None)
        deadline = time.monotonic() + timeout
        for thread in (self._dispatcher, *self._workers):
            thread.join(max(0.0, deadline - time.monotonic()))

    # -- dispatcher --------------------------------------------------------------------------

    def _round(self) -> float:
        """Does what is due now; the seconds until something else is, at most a poll."""
        now = timezone.now()
        self._keep_alive(now)
        taken = take_in(self.functions, self.owner, slots=self._slots, now=now)
        self._submit(taken.claimed)
        self._submit(expire_pauses(self.owner, slots=self._slots, now=now))
        self._submit(claims.claim_due(self.owner, now=timezone.now(), limit=self._slots))
        self._pulse.beat()
        if taken.events:
            return 0.0
        return self._seconds_until(claims.next_due())

    def _keep_alive(self, now: datetime) -> None:
        clock = time.monotonic()
        if clock >= self._next_renewal:
            claims.renew(self.owner, self._held_ids(), now)
            self._next_renewal = clock + claims.HEARTBEAT.total_seconds()
        if clock >= self._next_search:
            if freed := claims.release_abandoned(self.owner, self._held_ids()):
                log.info("took over %d jobs of processes that are gone", freed)
            self._next_search = clock + ABANDONED_SECONDS

    def _seconds_until(self, due: datetime | None) -> float:
        if due is None:
            return POLL_SECONDS
        seconds = (due - timezone.now()).total_seconds()
        if seconds <= 0 and not self._slots:  # due, but every worker is busy: the first free one wakes us
            return POLL_SECONDS
        return min(max(seconds, 0.001), POLL_SECONDS)

    @property
    def _slots(self) -> int:
        return self._size - len(self._held_ids())

    def _held_ids(self) -> list[int]:
        with self._lock:
            return list(self._in_hand)

    def _submit(self, jobs: list[Job]) -> None:
        with self._lock:
            self._in_hand.update({job.pk: job for job in jobs})
        for job in jobs:
            self._queue.put(job)

    # -- workers -----------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            keep_connection = False
            try:
                self._run(job)
                keep_connection = connection.vendor == "sqlite"  # opening the file costs more than a step
            except claims.LeaseLost as lost:
                log.warning("dropped a result of run %s: another worker took it over", lost)
            except (OperationalError, InterfaceError):  # the dispatcher finds the job dropped and claims it again
                log.exception("the database is away; run %s goes on later", job.run.run_id)
            except Exception as error:  # the engine's edge
                log.exception("the call of run %s could not be made", job.run.run_id)
                self._count_attempt(job, error)
            finally:
                if not keep_connection:
                    connections.close_all()
                with self._lock:
                    self._in_hand.pop(job.pk, None)
                self._dispatcher.wake()
        connections.close_all()

    def _run(self, job: Job) -> None:
        """Calls the function for one step after the other until its run waits, ends or fails."""
        going: Job | None = job
        while going is not None:
            if self._dispatcher.is_stopping:
                claims.release(going)
                return
            going = self._record(going, self._call(going))

    def _count_attempt(self, job: Job, error: Exception) -> None:
        """What fails around a call ends like a failing call: tried again with growing waits, then given up."""
        try:
            self._record(job, failure(type(error).__name__, str(error)))
        except Exception:  # the engine's edge: the job stays dropped
            log.exception("run %s could not be put off", job.run.run_id)

    def _call(self, job: Job) -> Answer:
        run = job.run
        if run.function_id not in self.functions.configs:
            return failure("FunctionNotFoundError", f"function {run.function_id} is not served any more")
        payload = self._payload(job, run)
        try:
            return self.functions.call(run.function_id, step_id=job.step_id, payload=payload)
        except BaseException as error:  # a step may raise anything, SystemExit too; a server would see a 500
            log.exception("the call of run %s broke off", run.run_id)
            return failure(type(error).__name__, str(error))

    def _payload(self, job: Job, run: Run) -> dict[str, object]:
        memos = dict(run.steps.order_by("id").values_list("step_id", "memo"))
        return {
            "ctx": {
                "attempt": job.attempt, "disable_immediate_execution": False,
                "max_attempts": self._max_attempts(run), "run_id": run.run_id,
                "stack": {"stack": list(memos), "current": len(memos)},
            },
            "event": run.event, "events": [run.event], "steps": memos, "use_api": False,
        }

    def _max_attempts(self, run: Run) -> int:
        config = self.functions.configs.get(run.function_id)
        return config.max_attempts if config else DEFAULT_ATTEMPTS

    def _record(self, job: Job, answer: Answer) -> Job | None:
        deadline = time.monotonic() + RECORD_PATIENCE_SECONDS
        while True:
            try:
                return record(job, answer, max_attempts=self._max_attempts(job.run), backoff=self._backoff)
            except (OperationalError, InterfaceError):
                if time.monotonic() > deadline or self._dispatcher.is_stopping:
                    raise
                log.warning("the database is away; keeping the result of run %s", job.run.run_id)
                connections.close_all()
                time.sleep(0.2)
