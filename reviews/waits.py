"""How long people took, kept as counts: buckets that grow by a twentieth, so a quantile is right to about 2 %."""

import math
from collections.abc import Mapping

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
