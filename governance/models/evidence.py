"""One append-only row per fact. The database refuses to change or remove one (migration 0002)."""

from django.db import models
from django.utils import timezone

from governance.models.people import Team
from governance.models.requests import GovernanceRequest
from governance.models.visibility import VisibleQuerySet


class Fact(models.TextChoices):
    RECEIVED = "received", "Received"
    SCORED = "scored", "Scored"
    MOVED = "moved", "Moved"
    CLAIMED = "claimed", "Claimed by a reviewer"
    RELEASED = "released", "Released"
    HANDED_OVER = "handed_over", "Handed over"
    ASKED = "asked", "Asked the agent"
    ANSWERED = "answered", "The agent answered"
    EXTENDED = "extended", "Deadline extended"
    DECIDED = "decided", "Decided"
    EDITED = "edited", "Edited by the reviewer"
    UNDONE = "undone", "Approval undone"
    EXECUTED = "executed", "Execution claimed"
    OUTCOME = "outcome", "Outcome"
    ADMINISTERED = "administered", "Administered"


class EvidenceEntry(models.Model):
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    request = models.ForeignKey(
        GovernanceRequest, on_delete=models.PROTECT, null=True, blank=True, related_name="evidence"
    )
    fact = models.CharField(max_length=20, choices=Fact)
    actor = models.CharField(max_length=200)
    payload = models.TextField(help_text="Canonical JSON (RFC 8785).")
    at = models.DateTimeField(default=timezone.now)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "evidence entries"

    def __str__(self) -> str:
        return f"{self.pk} {self.fact}"
