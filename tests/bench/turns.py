"""How many rounds a figure gets: all of them on a quiet machine, fewer on a busy one, at least one."""

import time
from collections.abc import Iterator

SECONDS = 4.5  # a group of figures; with 24 groups the whole bench stays below four minutes


def turns(rounds: int) -> Iterator[int]:
    end = time.monotonic() + SECONDS
    for number in range(rounds):
        if number and time.monotonic() > end:
            return
        yield number
