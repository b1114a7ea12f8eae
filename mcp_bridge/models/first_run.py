"""Whether `manage.py run` has made its reviewer and its agent, and whether somebody was shown their secrets."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from governance.models import AgentToken, ApiToken


class FirstRun(models.Model):
    """At most one row. While `shown_at` is empty nobody knows the secrets, so the next start may replace them."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    api_token = models.ForeignKey(ApiToken, on_delete=models.SET_NULL, null=True, related_name="+")
    agent_token = models.ForeignKey(AgentToken, on_delete=models.SET_NULL, null=True, related_name="+")
    begun_at = models.DateTimeField(default=timezone.now, editable=False)
    shown_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_first_run")]

    def __str__(self) -> str:
        return f"first run of {self.begun_at:%Y-%m-%d %H:%M}"
