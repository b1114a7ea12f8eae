"""The one execution of an approved request. Its row is the claim: a second one cannot exist."""

from django.db import models
from django.utils import timezone

from governance.models.requests import GovernanceRequest
from governance.models.visibility import RequestPartQuerySet


class Execution(models.Model):
    request = models.OneToOneField(GovernanceRequest, on_delete=models.PROTECT, related_name="execution")
    claimed_by = models.CharField(max_length=200, help_text="The process that runs it (governance/process.py).")
    claimed_at = models.DateTimeField(default=timezone.now)
    # Until then the claiming process may still be at it, unless it is known to be dead.
    lease_until = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=1)
    returned_at = models.DateTimeField(null=True, help_text="The tool server answered.")
    is_error = models.BooleanField(default=False, help_text="The tool reported an error.")
    is_unknown = models.BooleanField(default=False, help_text="Nobody can say whether the call had its effect.")
    result = models.JSONField(null=True, help_text='MCP tool result: {"content", "structuredContent", "isError"}.')
    error = models.TextField(blank=True)

    objects = RequestPartQuerySet.as_manager()

    def __str__(self) -> str:
        return f"execution of {self.request_id}"

    @property
    def has_returned(self) -> bool:
        return self.returned_at is not None
