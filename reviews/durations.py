"""Ages and countdowns in few characters. static/js/time.js ticks on with the same words."""

from datetime import timedelta

MINUTE, HOUR, DAY = 60, 3600, 86_400


def age(span: timedelta) -> str:
    """`now`, `12 min`, `5 h`, `3 d`"""
    seconds = max(0, int(span.total_seconds()))
    if seconds < MINUTE:
        return "now"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < 2 * DAY:
        return f"{seconds // HOUR} h"
    return f"{seconds // DAY} d"


def left(span: timedelta) -> str:
    """`6 d`, `23 h 41 min`, `41:08` in the last hour, `overdue`"""
    seconds = int(span.total_seconds())
    if seconds <= 0:
        return "overdue"
    if seconds < HOUR:
        return f"{seconds // MINUTE}:{seconds % MINUTE:02d}"
    if seconds < 2 * DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE:02d} min"
    return f"{seconds // DAY} d"
