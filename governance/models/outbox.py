"""Events on their way to the workflow driver, written in the same transaction as their fact."""

from django.db import models
from django.utils import timezone

from governance.models.requests import GovernanceRequest
from governance.models.visibility import RequestPartQuerySet


class OutboxEvent(models.Model):
    # Also the Inngest event id: sending a row twice starts nothing twice within 24 hours.
    event_id = models.CharField(max_length=120, unique=True)
    name = models.CharField(max_length=100)
    request = models.ForeignKey(GovernanceRequest, on_delete=models.PROTECT, related_name="outbox_events")
    data = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    # A relay that claims a row pushes this forward; also the back-off after a failure.
    not_before = models.DateTimeField(default=timezone.now)
    last_error = models.CharField(max_length=500, blank=True)

    objects = RequestPartQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["not_before", "id"], condition=models.Q(sent_at=None), name="outbox_unsent"),
        ]

    def __str__(self) -> str:
        return self.event_id


class Heartbeat(models.Model):
    """When a background part last worked; readiness reads it."""

    name = models.CharField(max_length=50, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
