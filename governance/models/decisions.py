"""A verdict on a request: a person's, or the workflow's own below the risk threshold. Written once, never edited."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from governance.models.requests import GovernanceRequest
from governance.models.visibility import RequestPartQuerySet
from governance.states import Verdict


class Source(models.TextChoices):
    WORKFLOW = "workflow", "Workflow"
    CONSOLE = "console", "Console"
    ADMIN = "admin", "Admin"
    API = "api", "REST"
    WEBHOOK = "webhook", "Webhook"
    COMMAND = "command", "Command line"


class Decision(models.Model):
    request = models.ForeignKey(GovernanceRequest, on_delete=models.PROTECT, related_name="decisions")
    # Empty only for the workflow's own approvals.
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    verdict = models.CharField(max_length=8, choices=Verdict)
    reason = models.TextField(blank=True)
    source = models.CharField(max_length=10, choices=Source)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RequestPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "reviewer"], name="one_decision_per_reviewer_and_request"),
            models.UniqueConstraint(
                fields=["request"], condition=Q(reviewer=None), name="one_workflow_decision_per_request"
            ),
            models.CheckConstraint(condition=Q(verdict__in=Verdict.values), name="decision_verdict_valid"),
            models.CheckConstraint(
                condition=Q(reviewer=None, source="workflow") | (Q(reviewer__isnull=False) & ~Q(source="workflow")),
                name="decision_has_a_reviewer_unless_workflow",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.decided_by}"

    @property
    def decided_by(self) -> str:
        return self.reviewer.display_name if self.reviewer else "the gateway"
