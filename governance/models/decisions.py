"""A verdict on a request: a person's, or the workflow's own below the risk threshold. Written once, never edited."""

import json
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models.requests import GovernanceRequest
from governance.models.visibility import RequestPartQuerySet
from governance.states import Verdict


class Source(models.TextChoices):
    WORKFLOW = "workflow", _("Workflow")
    POLICY = "policy", _("Policy")
    CONSOLE = "console", _("Console")
    ADMIN = "admin", _("Admin")
    API = "api", _("REST")
    WEBHOOK = "webhook", _("Webhook")
    COMMAND = "command", _("Command line")


NOBODY = (Source.WORKFLOW, Source.POLICY)  # sources that decide without a person


class Decision(models.Model):
    request = models.ForeignKey(GovernanceRequest, on_delete=models.PROTECT, related_name="decisions")
    # A request that was sent back to review needs a new decision: its next round.
    round = models.PositiveSmallIntegerField(default=1)
    # Empty only for what the workflow or the policy decided.
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    verdict = models.CharField(max_length=8, choices=Verdict)
    reason = models.TextField(blank=True)
    # What was approved, when the reviewer edited the call (RFC 8785); empty: the arguments as the agent sent them.
    arguments_json = models.TextField(blank=True, editable=False)
    arguments_digest = models.CharField(max_length=64, blank=True, editable=False)
    source = models.CharField(max_length=10, choices=Source)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RequestPartQuerySet.as_manager()

    class Meta:
        # How long people took, lately.
        indexes = [
            models.Index(fields=["created_at"], condition=Q(reviewer__isnull=False), name="decision_of_a_person"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["request", "reviewer", "round"], name="one_decision_per_reviewer_and_round"
            ),
            models.UniqueConstraint(
                fields=["request", "round"], condition=Q(reviewer=None), name="one_own_decision_per_round"
            ),
            models.CheckConstraint(condition=Q(verdict__in=Verdict.values), name="decision_verdict_valid"),
            models.CheckConstraint(
                condition=Q(reviewer=None, source__in=NOBODY) | (Q(reviewer__isnull=False) & ~Q(source__in=NOBODY)),
                name="decision_has_a_reviewer_or_none_was_needed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.decided_by}"

    @property
    def is_edited(self) -> bool:
        return bool(self.arguments_json)

    @property
    def arguments(self) -> dict[str, Any]:
        """What was approved."""
        return json.loads(self.arguments_json) if self.is_edited else self.request.arguments

    @property
    def decided_by(self) -> str:
        return self.reviewer.display_name if self.reviewer else "the gateway"
