"""What the scorer said of a call. Written once, never edited."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models.requests import GovernanceRequest
from governance.models.visibility import RequestPartQuerySet


class Classification(models.TextChoices):
    LOW = "LOW_RISK", _("Low risk")
    MEDIUM = "MEDIUM_RISK", _("Medium risk")
    HIGH = "HIGH_RISK", _("High risk")


BANDS = {
    Classification.HIGH.value: "high", Classification.MEDIUM.value: "medium", Classification.LOW.value: "low",
}  # fmt: skip
NO_BAND = "none"


class Action(models.TextChoices):
    ALLOW = "ALLOW", _("Allow")
    PAUSE = "PAUSE", _("Pause for review")


class Assessment(models.Model):
    request = models.OneToOneField(GovernanceRequest, on_delete=models.PROTECT, related_name="assessment")
    risk_score = models.PositiveSmallIntegerField()
    classification = models.CharField(max_length=12, choices=Classification)
    action = models.CharField(max_length=5, choices=Action)
    rationale = models.TextField()
    contributions = models.JSONField(
        default=list, help_text='What made the score: [{"feature", "label", "points"}], points summing to it.'
    )
    scorer = models.CharField(max_length=50)
    scorer_version = models.CharField(max_length=100, blank=True)
    failure = models.CharField(
        max_length=500, blank=True, help_text="Why there was no usable score; the risk then counts as 100."
    )
    duration_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RequestPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(risk_score__lte=100), name="assessment_risk_score_valid"),
            models.CheckConstraint(
                condition=Q(classification__in=Classification.values), name="assessment_classification_valid"
            ),
            models.CheckConstraint(condition=Q(action__in=Action.values), name="assessment_action_valid"),
        ]

    def __str__(self) -> str:
        return f"{self.risk_score} by {self.scorer}"
