"""What can be stopped in one action: an agent, a tool, a tool server, a team."""

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop


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
        return self.halted_reason.rstrip(". ") or _("no reason given")

    def in_words(self) -> str:
        """That it stands still, and why."""
        return _(_HALTED[self._meta.model_name]) % {"name": self, "why": self.why_halted}


_HALTED = {
    "team": gettext_noop("The team %(name)s is halted: %(why)s."),
    "agent": gettext_noop("The agent %(name)s is halted: %(why)s."),
    "toolserver": gettext_noop("The tool server %(name)s is halted: %(why)s."),
    "tool": gettext_noop("The tool %(name)s is halted: %(why)s."),
}
