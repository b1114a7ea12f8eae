"""One line of the result: rounds of (ours, theirs), shown as the median ratio with the lowest and the highest."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Figure:
    """`rounds` are pairs measured one after the other: seconds, calls per second or bytes, the same on both sides."""

    name: str
    beside: str
    rounds: list[tuple[float, float]] = field(default_factory=list)
    is_bar: bool = False  # what stands beside is a promise, not a measurement; at most 1 is wanted

    @property
    def ratios(self) -> list[float]:
        return [ours / theirs for ours, theirs in self.rounds]

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def is_missed(self) -> bool:
        return self.is_bar and self.ratio > 1

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name, "beside": self.beside, "ratio": _short(self.ratio), "low": _short(min(self.ratios)),
            "high": _short(max(self.ratios)),
            "rounds": [[_short(ours), _short(theirs)] for ours, theirs in self.rounds],
            **({"met": not self.is_missed} if self.is_bar else {}),
        }

    def line(self) -> tuple[str, str, str, str]:
        spread = f"{show(min(self.ratios))} – {show(max(self.ratios))}"
        verdict = ("  MISSED" if self.is_missed else "  met") if self.is_bar else ""
        return self.name, show(self.ratio) + " ×", f"{spread}{verdict}", self.beside


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def show(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.3g}" if ratio >= 10 else f"{ratio:.2f}"


def table(title: str, figures: Iterable[Figure]) -> str:
    lines = [("", "median", "lowest – highest", "of"), *(figure.line() for figure in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    rows = [
        f"  {name:<{widths[0]}}  {ratio:>{widths[1]}}  {spread:<{widths[2]}}  {beside}".rstrip()
        for name, ratio, spread, beside in lines
    ]
    return "\n".join([title, *rows])


def json_line(figures: Iterable[Figure], **more: object) -> str:
    return json.dumps({"figures": [figure.as_json() for figure in figures], **more}, ensure_ascii=False)
