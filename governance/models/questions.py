"""What reviewers ask agents about their calls, and what they answer."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from governance.models.requests import GovernanceRequest
from governance.models.visibility import RequestPartQuerySet


class Question(models.Model):
    request = models.ForeignKey(GovernanceRequest, on_delete=models.PROTECT, related_name="questions")
    text = models.TextField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = RequestPartQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            # The agent answers a request's question, whichever it is.
            models.UniqueConstraint(
                fields=["request"], condition=Q(answered_at=None), name="one_open_question_per_request"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def is_open(self) -> bool:
        return self.answered_at is None
