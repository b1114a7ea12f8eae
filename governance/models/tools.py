"""Tool servers and their tools, as far as the built-in ones need them."""

from django.db import models

from governance.models.people import Team
from governance.models.visibility import VisibleQuerySet


class ToolServer(models.Model):
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="tool_servers")
    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, help_text="A key of the setting TOOL_SERVERS.")
    enabled = models.BooleanField(default=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "slug"], name="tool_server_slug_unique_in_team")]

    def __str__(self) -> str:
        return self.name


class ToolQuerySet(VisibleQuerySet):
    team_path = "server__team"


class Tool(models.Model):
    server = models.ForeignKey(ToolServer, on_delete=models.PROTECT, related_name="tools")
    name = models.CharField(max_length=128, help_text="What the tool server calls it.")
    # What agents call it. Mapped by this row, never by splitting the string.
    exposed_name = models.CharField(max_length=64)
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    input_schema = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict, help_text="MCP tool annotations: readOnlyHint, idempotentHint …")
    enabled = models.BooleanField(default=True)

    objects = ToolQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["server", "name"], name="tool_name_unique_in_server")]
        indexes = [models.Index(fields=["exposed_name"], name="tool_by_exposed_name")]

    def __str__(self) -> str:
        return self.exposed_name

    @property
    def is_read_only(self) -> bool:
        return self.annotations.get("readOnlyHint") is True

    @property
    def is_idempotent(self) -> bool:
        """Declared safe to run again after a crash in the middle."""
        return self.annotations.get("idempotentHint") is True
