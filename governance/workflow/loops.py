"""A background loop: does a round, sleeps as long as the round says or until it is woken, and survives every error."""

import logging
import threading
from collections.abc import Callable

from django.db import connections

from governance import events

log = logging.getLogger(__name__)

AFTER_ERROR_SECONDS = 0.5


class Loop:
    """One daemon thread. `round` returns the seconds until it is due again; new work wakes it earlier."""

    def __init__(self, name: str, round: Callable[[], float]) -> None:
        self.name = name
        self._round = round
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go, name=name, daemon=True)

    def start(self) -> None:
        events.on_work(self.name, self.wake)
        self._thread.start()

    def wake(self) -> None:
        self._awake.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def begin_stop(self) -> None:
        events.forget_work(self.name, self.wake)
        self._stopping.set()
        self._awake.set()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _go(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                pause = self._round()
            except Exception:  # the engine's edge: whatever happens, the loop goes on
                log.exception("the %s loop stumbled and goes on", self.name)
                connections.close_all()  # a connection of before a restart of the database heals by this
                pause = AFTER_ERROR_SECONDS
            self._awake.wait(pause)
        connections.close_all()
