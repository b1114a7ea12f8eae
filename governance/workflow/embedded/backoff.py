"""When a failed call is tried again: the table of the Inngest server, so that both drivers wait alike."""

import random
from datetime import datetime, timedelta

MINUTE = 60
TABLE = [15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, 60 * MINUTE, 120 * MINUTE]
JITTER_SECONDS = 30

SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(hours=24)


def backoff(attempt: int) -> timedelta:
    """The wait after attempt 0, 1, ... failed."""
    return timedelta(seconds=TABLE[min(attempt, len(TABLE) - 1)] + random.uniform(0, JITTER_SECONDS))  # noqa: S311


def retry_after(header: str, now: datetime) -> timedelta | None:
    """The wait a Retry-After header asks for (a UTC time or seconds), between a second and a day; None: unreadable."""
    try:
        wanted = timedelta(seconds=int(header)) if header.isdigit() else datetime.fromisoformat(header) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wanted, SHORTEST), LONGEST)
