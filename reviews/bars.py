"""What raised and what lowered the score, as the card draws it."""

from dataclasses import dataclass

from governance.characters import visible
from governance.models import GovernanceRequest


@dataclass(frozen=True)
class Bar:
    """A contribution to the score. `width` lies in a drawing 100 wide; the longest of the request fills it."""

    label: str
    points: int
    width: float

    @property
    def signed(self) -> str:
        return f"+{self.points}" if self.points > 0 else f"−{-self.points}"

    @property
    def raises(self) -> bool:
        return self.points > 0


def bars_of(request: GovernanceRequest) -> list[Bar]:
    """Raising contributions first, each side strongest first."""
    assessment = getattr(request, "assessment", None)
    parts = [(str(part["label"]), int(part["points"])) for part in assessment.contributions] if assessment else []
    longest = max((abs(points) for _, points in parts), default=0) or 1
    return [
        Bar(visible(label), points, width=100 * abs(points) / longest)
        for label, points in sorted(parts, key=lambda part: (part[1] < 0, -abs(part[1])))
        if points
    ]
