"""Tables of the reviewers' side."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models import Team, User


class SeenSignature(models.Model):
    """A signed webhook call that was accepted. Its unique key refuses the same bytes again, in every process."""

    digest = models.CharField(max_length=64, primary_key=True, help_text="The call's HMAC, hexadecimal.")
    # After that the timestamp alone refuses the call, and the row may go.
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest[:12]


class Theme(models.TextChoices):
    AUTO = "auto", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class Preferences(models.Model):
    """How a person wants the console. What belongs to one browser (sound, notifications) is kept there."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="preferences")
    theme = models.CharField(max_length=5, choices=Theme, default=Theme.AUTO)
    keys = models.BooleanField(default=True, help_text="Single-letter keys (WCAG 2.1.4: they can be switched off).")
    language = models.CharField(max_length=10, blank=True, help_text="Empty: as the browser asks.")

    def __str__(self) -> str:
        return f"preferences of {self.user}"


class SavedView(models.Model):
    """A filtered list that a person gave a name; its address is the filter."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=10, choices=[("queue", "Queue"), ("history", "History")])
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, help_text="The query string, without the question mark.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "page", "name"], name="saved_view_name_unique_per_person"),
        ]

    def __str__(self) -> str:
        return self.name


class Tally(models.Model):
    """What happened in one hour or one day (UTC): to a team, or there to one agent, tool, rule or risk band.

    Counted from the transitions by reviews/tallying.py, so that a page over weeks reads a few hundred rows.
    """

    class Kind(models.TextChoices):
        ALL = "all", "All"
        AGENT = "agent", "Agent"
        TOOL = "tool", "Tool"
        RULE = "rule", "Rule"
        BAND = "band", "Risk band"
        WAIT = "wait", "Time to decision"  # the subject is a bucket (reviews/waits.py)

    class Span(models.TextChoices):
        HOUR = "h", "Hour"
        DAY = "d", "Day"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=5, choices=Kind)
    subject = models.CharField(max_length=60, blank=True, help_text="An id, a name or nothing, by kind.")
    span = models.CharField(max_length=1, choices=Span)
    at = models.DateTimeField(help_text="Its start.")

    received = models.PositiveIntegerField(default=0)
    reviewed = models.PositiveIntegerField(default=0, help_text="Put before a person.")
    approved = models.PositiveIntegerField(default=0, help_text="By a person.")
    rejected = models.PositiveIntegerField(default=0, help_text="By a person.")
    edited = models.PositiveIntegerField(default=0, help_text="Approved after an edit.")
    undone = models.PositiveIntegerField(default=0, help_text="Approvals taken back by a person.")
    passed = models.PositiveIntegerField(default=0, help_text="Approved without a person.")
    denied = models.PositiveIntegerField(default=0, help_text="Rejected without a person.")
    expired = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            # Also how a page reads a range: every subject of a kind, one after another.
            models.UniqueConstraint(fields=["team", "kind", "span", "at", "subject"], name="one_tally"),
        ]
        indexes = [
            # One agent's or one tool's last weeks.
            models.Index(fields=["kind", "subject", "span", "at"], name="tally_of_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.at:%Y-%m-%d %H}"


class TallyMark(models.Model):
    """How far the transitions are counted. One row; moving it on is the right to count what lies between."""

    last_id = models.BigIntegerField(default=0)
    counted_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"counted to {self.last_id}"
