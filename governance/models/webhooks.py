"""Where an agent's platform is told of outcomes, and every attempt to tell it."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from governance.models.agents import Agent
from governance.models.requests import GovernanceRequest
from governance.models.visibility import VisibleQuerySet


class AgentWebhookQuerySet(VisibleQuerySet):
    team_path = "agent__team"


class AgentWebhook(models.Model):
    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, related_name="webhook")
    url = models.CharField(max_length=1000)
    sealed_secret = models.TextField(editable=False, help_text="Sealed; signs every delivery (Standard Webhooks).")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AgentWebhookQuerySet.as_manager()

    def __str__(self) -> str:
        return f"webhook of {self.agent}"


class WebhookDeliveryQuerySet(VisibleQuerySet):
    team_path = "webhook__agent__team"


class WebhookDelivery(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)  # the header webhook-id
    webhook = models.ForeignKey(AgentWebhook, on_delete=models.CASCADE, related_name="deliveries")
    request = models.ForeignKey(GovernanceRequest, on_delete=models.PROTECT, related_name="deliveries")
    event = models.CharField(max_length=40, help_text="request.succeeded, request.denied …")
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True, help_text="Given up after the last attempt.")
    last_status = models.PositiveSmallIntegerField(null=True, help_text="The HTTP status of the last answer.")
    last_error = models.CharField(max_length=500, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["webhook", "request", "event"], name="one_delivery_per_event"),
        ]
        indexes = [
            models.Index(
                fields=["not_before"], condition=Q(delivered_at=None, failed_at=None), name="delivery_due"
            ),
            models.Index(fields=["-created_at", "-id"], name="delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.pk}"
