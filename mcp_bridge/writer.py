"""Group commit: one thread with one connection stores admissions and returns of all calls of a moment in one commit.

What arrives while a commit runs is the next batch. A batch that fails is tried again item by item, so that one that
cannot be stored fails alone. Nothing is forwarded before its admission is stored. A return that cannot be stored (its
call ran already) stays in memory and is tried again until it is stored or the process ends; then the sweeper says that
its outcome is unknown.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from django.db import DataError, Error, connection, transaction
from django.utils import timezone

from governance.actions import express
from governance.actions.express import AllowedCall, Return
from governance.errors import LimitExceeded

log = logging.getLogger(__name__)

MAX_ADMISSIONS = 2_000  # waiting; returns are bounded by the admissions before them
MAX_BATCH = 256
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
NOT_KEPT = "The tool ran, but the database cannot keep what it returned. A person must look."


@dataclass(eq=False, slots=True)
class _Item:
    what: AllowedCall | Return
    future: asyncio.Future[bool]
    loop: asyncio.AbstractEventLoop
    not_before: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    outcome: bool | Exception | None = field(default=None)

    @property
    def is_return(self) -> bool:
        return isinstance(self.what, Return)


class Writer:
    """Its methods are called in event loops; the thread starts with the first item."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()  # None: look whether to stop
        self._postponed: list[_Item] = []  # the thread's own
        self._admissions = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_stopping = False

    async def admit(self, call: AllowedCall) -> bool:
        """True once the call is stored as executing; False when its team changed and it must be ruled on again.

        Raises LimitExceeded when too many wait, and django.db.Error: then nothing may be forwarded.
        """
        with self._lock:
            if self._is_stopping or self._admissions >= MAX_ADMISSIONS:
                raise LimitExceeded(
                    "The gateway is stopping or has more calls than it can record. This call was not accepted; repeat "
                    "it in a moment."
                )
            self._admissions += 1
        return await self._submit(call)

    def settle(self, returned: Return) -> "asyncio.Future[bool]":
        """Done when the return is stored, however long the database takes. False when it came too late to count."""
        return self._submit(returned)

    def _submit(self, what: AllowedCall | Return) -> "asyncio.Future[bool]":
        loop = asyncio.get_running_loop()
        item = _Item(what, loop.create_future(), loop)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mcp-writer", daemon=True)
                self._thread.start()
            self._queue.put(item)
        return item.future

    def stop(self, timeout: float) -> bool:
        """Stores what waits and ends the thread; False when that took longer. A later item starts it again."""
        with self._lock:
            thread, self._is_stopping = self._thread, True
        if thread is not None:
            self._queue.put(None)
            thread.join(timeout)
        with self._lock:
            self._is_stopping = False
        return thread is None or not thread.is_alive()

    # The thread.

    def _run(self) -> None:
        try:
            while batch := self._next():
                self._store(batch)
                self._answer(batch)
        finally:
            connection.close()

    def _next(self) -> list[_Item]:
        """What waits now; empty when the thread shall end."""
        while True:
            batch = self._due()
            if not batch and self._ends():
                return []
            try:
                while len(batch) < MAX_BATCH:
                    item = self._queue.get_nowait() if batch else self._queue.get(timeout=self._pause())
                    if item is not None:
                        batch.append(item)
                    elif not batch:
                        break
            except Empty:
                pass
            if batch:
                with self._lock:
                    self._admissions -= sum(not item.is_return for item in batch)
                return batch

    def _ends(self) -> bool:
        with self._lock:
            if self._is_stopping and self._queue.empty() and not self._postponed:
                self._thread = None
            return self._thread is None

    def _due(self) -> list[_Item]:
        """The returns whose next attempt is due; when stopping all of them, for the last time."""
        if not self._postponed:
            return []
        now = time.monotonic()
        due = [item for item in self._postponed if item.not_before <= now or self._is_stopping]
        self._postponed = [item for item in self._postponed if item not in due]
        return due

    def _pause(self) -> float | None:
        soonest = min((item.not_before for item in self._postponed), default=None)
        return None if soonest is None else max(0.001, soonest - time.monotonic())

    def _store(self, batch: list[_Item]) -> None:
        try:
            self._commit(batch)
        except Exception as error:  # the thread's edge: every item gets its outcome
            _drop_connection(error)
            if len(batch) > 1:
                log.warning("%s calls could not be stored together, now one by one: %s", len(batch), error)
            for item in batch:
                self._store_alone(item)

    def _commit(self, batch: Sequence[_Item]) -> None:
        now = timezone.now()
        calls = [item for item in batch if not item.is_return]
        returns = [item for item in batch if item.is_return]
        with transaction.atomic():
            settled = express.settle([item.what for item in returns], now=now) if returns else []
            admitted = express.admit([item.what for item in calls], now=now) if calls else []
        for item, outcome in zip([*returns, *calls], [*settled, *admitted], strict=True):
            item.outcome = outcome

    def _store_alone(self, item: _Item) -> None:
        try:
            try:
                self._commit([item])
            except Error:
                # The commit itself may have broken off after it had been done.
                if item.is_return or not express.is_admitted(item.what):
                    raise
                item.outcome = True
        except Exception as error:  # as above
            _drop_connection(error)
            item.outcome = error

    def _answer(self, batch: list[_Item]) -> None:
        """Every outcome to its coroutine, by one wake-up per event loop."""
        done: dict[asyncio.AbstractEventLoop, list[_Item]] = defaultdict(list)
        for item in batch:
            if item.is_return and isinstance(item.outcome, Exception) and not self._is_stopping:
                self._postpone(item)
            else:
                done[item.loop].append(item)
        for loop, items in done.items():
            try:
                loop.call_soon_threadsafe(_resolve, items)
            except RuntimeError:  # that loop has ended; its calls are stored
                log.debug("%s calls were stored after their event loop had ended", len(items))

    def _postpone(self, item: _Item) -> None:
        error = item.outcome
        reference = item.what.call.reference
        if isinstance(error, DataError):  # no second attempt would do better with this very result
            log.error("the result of %s cannot be stored: %s", reference, error)
            item.what = replace(item.what, result=None, is_unknown=True, error=NOT_KEPT)
        else:
            log.error("what %s returned is not stored yet: %s", reference, error)
        item.outcome, item.not_before = None, time.monotonic() + item.pause
        item.pause = min(item.pause * 2, LONGEST_PAUSE_SECONDS)
        self._postponed.append(item)


def _resolve(items: list[_Item]) -> None:
    for item in items:
        if item.future.done():
            continue
        if isinstance(item.outcome, Exception):
            item.future.set_exception(item.outcome)
        else:
            item.future.set_result(bool(item.outcome))


def _drop_connection(error: Exception) -> None:
    """A connection that failed once is not trusted again."""
    if isinstance(error, Error):
        try:
            connection.close()
        except Error:
            log.debug("the broken connection could not be closed", exc_info=True)


writer = Writer()
