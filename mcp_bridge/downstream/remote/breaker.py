"""Breaker: stops calling a tool server that is down, and says since when."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from mcp_bridge.downstream.remote.faults import Unreachable, clean

FAILURES = 5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Health:
    """`is_open`: calls are refused at once, until `retry_at`. Times are UTC."""

    state: Literal["up", "down", "unknown"]
    since: datetime
    last_error: str = ""
    is_open: bool = False
    retry_at: datetime | None = None


class Breaker:
    """Opens after FAILURES failures of the connection in a row; then one call at a time tries whether it is back.

    Only failures of the connection count. A tool that reports an error, or a server that refuses, is up.
    """

    def __init__(self, name: str, clock=time.monotonic) -> None:
        self.name, self._clock = name, clock
        self._failures = 0
        self._pause = 0.0
        self._until: float | None = None
        self._trying = False
        self._state: Literal["up", "down", "unknown"] = "unknown"
        self._since = datetime.now(UTC)
        self._last_error = ""

    def admit(self) -> None:
        """Lets a call pass, or raises DownstreamFailed. Whoever passes must report: succeeded, failed or gave_up."""
        if self._until is None:
            return
        if self._trying or self._clock() < self._until:
            raise Unreachable(
                f"The tool server {self.name} is down since {self._since:%Y-%m-%d %H:%M:%S} UTC; the call was not "
                f"sent. Last error: {self._last_error}"
            )
        self._trying = True

    def succeeded(self) -> None:
        self._failures, self._pause, self._until, self._trying = 0, 0.0, None, False
        if self._state != "up":
            self._state, self._since, self._last_error = "up", datetime.now(UTC), ""

    def failed(self, error: Exception) -> None:
        self._failures += 1
        self._last_error = clean(error)
        if self._state != "down":
            self._state, self._since = "down", datetime.now(UTC)
        if self._trying or (self._until is None and self._failures >= FAILURES):
            self._pause = min(max(FIRST_PAUSE_SECONDS, self._pause * 2), LONGEST_PAUSE_SECONDS)
            self._until = self._clock() + self._pause
        self._trying = False

    def gave_up(self) -> None:
        """The call ended without telling anything about the server: its caller left."""
        self._trying = False

    @property
    def health(self) -> Health:
        if self._until is None:
            return Health(self._state, self._since, self._last_error)
        wait = self._until - self._clock()
        return Health(
            self._state, self._since, self._last_error, is_open=True,
            retry_at=datetime.fromtimestamp(time.time() + max(wait, 0), UTC),
        )
