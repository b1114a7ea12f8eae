"""Tables of the reviewers' side."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models import User


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
