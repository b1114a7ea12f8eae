"""The rule files of a team. A version is written once; one of them is active, or none: then every call is scored."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from governance.models.people import Team
from governance.models.visibility import VisibleQuerySet


class PolicyVersion(models.Model):
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="policies")
    number = models.PositiveIntegerField()
    text = models.TextField(help_text="The YAML rule file (docs/policy.md).")
    digest = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True, help_text="What changed and why.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    active = models.BooleanField(default=False)
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    activated_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["team", "number"], name="policy_number_unique_in_team"),
            models.UniqueConstraint(fields=["team"], condition=Q(active=True), name="one_active_policy_per_team"),
        ]

    def __str__(self) -> str:
        return f"policy {self.number} of {self.team}"
