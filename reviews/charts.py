"""View models of the charts: numbers in, places in a drawing out. templates/reviews/_partials/chart_* draw them.

Places are percentages of the drawing, written as text with a point, so that no language's comma gets into an SVG. The
text of a drawing stays text: nothing is scaled.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP = 0.24  # of a column's place, between it and the next
MOST_TICKS = 8
LEAST_HEIGHT = 0.8  # percent: one of a thousand is still seen


def percent(value: float) -> str:
    return f"{value:.2f}%"


@dataclass(frozen=True)
class Series:
    """`name` is the CSS class of its colour and pattern."""

    name: str
    label: str


@dataclass(frozen=True)
class Part:
    series: Series
    value: int
    y: str
    height: str


@dataclass(frozen=True)
class Column:
    label: str
    tick: str  # under the axis; empty for most of many
    is_minor: bool  # its tick goes first where the room is narrow
    x: str
    centre: str
    width: str
    place: str  # where its whole place begins, and how wide that is: the target of the pointer
    place_width: str
    parts: tuple[Part, ...]
    values: tuple[int, ...]
    link: str = ""

    @property
    def total(self) -> int:
        return sum(self.values)


@dataclass(frozen=True)
class Line:
    """A line across, and what it stands for."""

    y: str
    value: int


@dataclass(frozen=True)
class Columns:
    series: tuple[Series, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    totals: tuple[int, ...]

    @property
    def is_empty(self) -> bool:
        return not any(self.totals)

    @property
    def legend(self) -> list[tuple[Series, int]]:
        return list(zip(self.series, self.totals, strict=True))


@dataclass(frozen=True)
class Place:
    """One place of the horizontal axis: what it is called in words, and shortly."""

    label: str
    tick: str
    values: Mapping[str, int] = field(default_factory=dict)
    link: str = ""


def stacked_columns(series: Sequence[Series], places: Sequence[Place]) -> Columns:
    """One column per place, its series stacked from below in their order."""
    rows = [tuple(place.values.get(one.name, 0) for one in series) for place in places]
    top = nice_ceiling(max((sum(row) for row in rows), default=0))
    width = 100 / max(1, len(places))
    every = max(1, math.ceil(len(places) / MOST_TICKS))
    columns = tuple(
        Column(
            label=place.label, tick=place.tick if number % every == 0 else "", is_minor=number % (2 * every) != 0,
            x=percent(width * (number + GAP / 2)), centre=percent(width * (number + 0.5)),
            width=percent(width * (1 - GAP)), place=percent(width * number), place_width=percent(width),
            parts=_stack(series, row, top), values=row, link=place.link,
        )
        for number, (place, row) in enumerate(zip(places, rows, strict=True))
    )
    lines = tuple(Line(percent(100 - 100 * value / top), value) for value in ticks(top))
    return Columns(tuple(series), columns, lines, tuple(map(sum, zip(*rows, strict=True))) if rows else ())


def _stack(series: Sequence[Series], values: Sequence[int], top: int) -> tuple[Part, ...]:
    parts, below = [], 0.0
    for one, value in zip(series, values, strict=True):
        if value:
            height = max(LEAST_HEIGHT, 100 * value / top)
            below += height
            parts.append(Part(one, value, percent(100 - below), percent(height)))
    return tuple(parts)


def nice_ceiling(value: int) -> int:
    """A round number at or not far above it; at least 4, so that the axis has whole numbers."""
    if value <= 4:
        return 4
    power = 10 ** math.floor(math.log10(value))
    tenths = (10, 12, 16, 20, 24, 32, 40, 50, 60, 80, 100)
    return next(power * step // 10 for step in tenths if power * step >= 10 * value and power * step % 10 == 0)


def ticks(top: int) -> list[int]:
    """0, the top, and what divides it evenly between."""
    parts = next((parts for parts in (4, 5, 2) if top % parts == 0), 1)
    return [top * number // parts for number in range(parts + 1)]


@dataclass(frozen=True)
class Bar:
    """One line of a table: its parts side by side, the longest bar of the table as wide as the cell."""

    parts: tuple[tuple[Series, int, str, str], ...]  # series, value, x, width


def bars(series: Sequence[Series], rows: Sequence[Mapping[str, int]]) -> list[Bar]:
    longest = max((sum(row.get(one.name, 0) for one in series) for row in rows), default=0) or 1
    drawn = []
    for row in rows:
        parts, x = [], 0.0
        for one in series:
            if value := row.get(one.name, 0):
                width = 100 * value / longest
                parts.append((one, value, percent(x), percent(width)))
                x += width
        drawn.append(Bar(tuple(parts)))
    return drawn


# -- the waterfall of a trace -------------------------------------------------------------------


def places_of(instants: Sequence[float]) -> list[float]:
    """Where these moments (seconds, ascending) lie between 0 and 100.

    A gap is as wide as the logarithm of its length, so that milliseconds are seen beside hours.
    """
    gaps = [math.log2(1 + 1000 * max(0.0, later - earlier)) for earlier, later in pairwise(instants)]
    whole = sum(gaps) or 1.0
    places, x = [0.0], 0.0
    for gap in gaps:
        x += 100 * gap / whole
        places.append(min(100.0, x))
    return places[: len(instants)]
