"""Every move of every request."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from governance.models.requests import GovernanceRequest
from governance.models.visibility import RequestPartQuerySet
from governance.states import Status


class Transition(models.Model):
    request = models.ForeignKey(GovernanceRequest, on_delete=models.PROTECT, related_name="transitions")
    from_status = models.CharField(max_length=16, choices=Status, blank=True)
    to_status = models.CharField(max_length=16, choices=Status)
    actor = models.CharField(max_length=200, help_text="Who moved it, in words: agent:NAME, reviewer:NAME, gateway.")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    reason = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    objects = RequestPartQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(to_status__in=Status.values), name="transition_to_status_valid"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_status or 'new'} → {self.to_status}"
