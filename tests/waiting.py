"""Bounded waiting for something another thread or process does."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T], what: str, *, seconds: float = 60) -> T:
    """The first true value of `look`; fails, naming `what`, when there is none in time."""
    end = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.01)
    return value
