"""How strongly a request was flagged, as the console draws it: hue, shape and words, never colour alone."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from governance.models import GovernanceRequest
from governance.models.assessments import Classification


@dataclass(frozen=True)
class Band:
    name: str  # the CSS class and the icon: high, medium, low, none
    label: str | Promise
    score: int | None = None


_BY_CLASSIFICATION = {
    Classification.HIGH: ("high", pgettext_lazy("risk", "High")),
    Classification.MEDIUM: ("medium", pgettext_lazy("risk", "Medium")),
    Classification.LOW: ("low", pgettext_lazy("risk", "Low")),
}


def band_of(request: GovernanceRequest) -> Band:
    """The scorer's own classification; a failed score has none, though it counts as 100."""
    assessment = getattr(request, "assessment", None)
    if assessment is None:
        return Band("none", pgettext_lazy("risk", "Not scored"))
    if assessment.failure:
        return Band("none", pgettext_lazy("risk", "No score"))
    name, label = _BY_CLASSIFICATION[Classification(assessment.classification)]
    return Band(name, label, assessment.risk_score)
