"""What can be stopped in one action: an agent, a tool, a tool server, a team."""

from django.db import models


class Haltable(models.Model):
    halted_at = models.DateTimeField(null=True, blank=True, editable=False)
    halted_reason = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_halted(self) -> bool:
        return self.halted_at is not None

    @property
    def why_halted(self) -> str:
        """The reason without its full stop, to end a sentence with."""
        return self.halted_reason.rstrip(". ") or "no reason given"
