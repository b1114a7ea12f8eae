"""How long people took, kept as counts: buckets that grow by a twentieth, so a quantile is right to about 2 %."""

import math
from collections.abc import Mapping

from django.utils.formats import number_format
from django.utils.translation import gettext as _

_STEP = math.log(1.05)


def bucket_of(seconds: float) -> int:
    """0 for less than a second."""
    return 0 if seconds < 1 else 1 + int(math.log(seconds) / _STEP)


def seconds_of(bucket: int) -> float:
    """The middle of a bucket."""
    return 0.5 if bucket == 0 else math.exp((bucket - 0.5) * _STEP)


def quantile(buckets: Mapping[int, int], share: float) -> float | None:
    """The seconds within which this share was decided; None when nothing was."""
    wanted = share * sum(buckets.values())
    for bucket, count in sorted(buckets.items()):
        wanted -= count
        if wanted <= 1e-9:
            return seconds_of(bucket)
    return None


def exact_quantile(sorted_seconds: list[float], share: float) -> float | None:
    """Of all values, sorted: with straight lines between them, as statistics.quantiles(method="inclusive") does."""
    if not sorted_seconds:
        return None
    place = share * (len(sorted_seconds) - 1)
    low = math.floor(place)
    high = min(low + 1, len(sorted_seconds) - 1)
    return sorted_seconds[low] + (place - low) * (sorted_seconds[high] - sorted_seconds[low])


# -- in words ----------------------------------------------------------------------------------

DAY, HOUR, MINUTE = 86_400, 3_600, 60


def span(seconds: float | None) -> str:
    """`180 ms`, `4.2 s`, `41 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`; a dash for none."""
    if seconds is None:
        return "–"
    if seconds < 0.9995:
        return _("%(n)s ms") % {"n": round(seconds * 1000)}
    if seconds < 9.95:
        tenths = round(seconds, 1)
        return _("%(n)s s") % {"n": number_format(tenths, 0 if tenths % 1 == 0 else 1)}
    whole = round(seconds)
    if whole < MINUTE:
        return _("%(n)s s") % {"n": whole}
    if whole < HOUR:
        return _with_rest(_("%(n)s min") % {"n": whole // MINUTE}, whole % MINUTE, _("%(n)s s"))
    if whole < DAY:
        return _with_rest(_("%(n)s h") % {"n": whole // HOUR}, whole % HOUR // MINUTE, _("%(n)s min"))
    return _with_rest(_("%(n)s d") % {"n": whole // DAY}, whole % DAY // HOUR, _("%(n)s h"))


def _with_rest(first: str, rest: int, unit: str) -> str:
    return f"{first} {unit % {'n': rest}}" if rest else first
