"""Ages and countdowns in few characters, in the person's language. static/js/time.js ticks on with the same words."""

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

MINUTE, HOUR, DAY = 60, 3600, 86_400


def age(span: timedelta) -> str:
    """`now`, `12 min`, `5 h`, `3 d`"""
    seconds = max(0, int(span.total_seconds()))
    if seconds < MINUTE:
        return pgettext("age", "now")
    if seconds < HOUR:
        return minutes(seconds // MINUTE)
    if seconds < 2 * DAY:
        return hours(seconds // HOUR)
    return days(seconds // DAY)


def left(span: timedelta) -> str:
    """`6 d`, `23 h 41 min`, `41:08` in the last hour, `overdue`"""
    seconds = int(span.total_seconds())
    if seconds <= 0:
        return _("overdue")
    if seconds < HOUR:
        return f"{seconds // MINUTE}:{seconds % MINUTE:02d}"
    if seconds < 2 * DAY:
        return hours_and_minutes(seconds // HOUR, f"{seconds % HOUR // MINUTE:02d}")
    return days(seconds // DAY)


def minutes(count: int | str) -> str:
    return _("%(count)s min") % {"count": count}


def hours(count: int | str) -> str:
    return _("%(count)s h") % {"count": count}


def hours_and_minutes(count: int | str, minutes: str) -> str:
    return _("%(hours)s h %(minutes)s min") % {"hours": count, "minutes": minutes}


def days(count: int | str) -> str:
    return _("%(count)s d") % {"count": count}


def words() -> dict[str, str]:
    """The same texts for time.js: `{n}` stands for the number, `{m}` for a second one."""
    return {
        "now": pgettext("age", "now"), "overdue": _("overdue"), "minutes": minutes("{n}"), "hours": hours("{n}"),
        "both": hours_and_minutes("{n}", "{m}"), "days": days("{n}"),
    }
