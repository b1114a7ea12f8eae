"""Tool servers, their tools and the definitions of tools that people accepted."""

from collections.abc import Iterable
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.models.halts import Haltable
from governance.models.people import Team
from governance.models.visibility import VisibleQuerySet

REMOTE_KINDS = ("http", "sse", "stdio")
WHERE = frozenset({"kind", "url", "command", "args", "cwd", "sealed"})


class ToolServer(Haltable):
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="tool_servers")
    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, help_text="A key of the setting TOOL_SERVERS.")
    enabled = models.BooleanField(default=True)

    # Where a remote one is. Values that may be secret stand in `sealed`, never here.
    # No URLField: it refuses the names of a container network.
    url = models.CharField(max_length=1000, blank=True, help_text="Streamable HTTP and SSE.")
    command = models.CharField(max_length=500, blank=True, help_text="stdio: the program.")
    args = models.JSONField(default=list, blank=True, help_text='stdio: its arguments, ["--option", "value"].')
    cwd = models.CharField(max_length=500, blank=True, help_text="stdio: its working directory.")
    sealed = models.TextField(
        blank=True, editable=False, help_text='Sealed {"headers": {name: value}, "env": {name: value}}; never shown.'
    )
    timeout_seconds = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="How long a call may take; empty: ATLAS_TOOL_TIMEOUT_SECONDS."
    )
    max_result_bytes = models.PositiveIntegerField(
        default=1024 * 1024, help_text="What a result may take; the rest is cut, and the agent is told so."
    )
    allowed_resources = models.TextField(
        blank=True, help_text="URIs that agents may read, one pattern with * per line; empty: none."
    )
    allowed_prompts = models.TextField(
        blank=True, help_text="Prompts that agents may use, one pattern with * per line; empty: none."
    )

    # How ids in arguments become names, and which tool knows them (governance/insight.py).
    resolvers = models.JSONField(
        default=list, blank=True,
        help_text='[{"pattern": "CUST-[0-9]+", "tool": "get_customer", "argument": "id", "name": "/name"}]',
    )
    listed_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Its tools were last read.")
    last_error = models.CharField(max_length=500, blank=True, editable=False, help_text="Why they could not be read.")
    moved_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Where it is, or its secrets, were changed."
    )
    down_since = models.DateTimeField(null=True, blank=True, editable=False, help_text="It could not be reached.")
    instructions = models.TextField(blank=True, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "slug"], name="tool_server_slug_unique_in_team")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Notes when it moves: what was approved before that was approved for another place."""
        if self.pk is not None and (update_fields is None or WHERE.intersection(update_fields)):
            self.moved_at = timezone.now()
            update_fields = None if update_fields is None else {*update_fields, "moved_at"}
        super().save(*args, update_fields=update_fields, **kwargs)

    @property
    def is_remote(self) -> bool:
        return self.kind in REMOTE_KINDS

    @property
    def state(self) -> str:
        """halted, off, down, new (never read yet) or up."""
        if self.is_halted:
            return "halted"
        if not self.enabled:
            return "off"
        if self.down_since is not None:
            return "down"
        return "up" if self.listed_at is not None or not self.is_remote else "new"

    @property
    def call_seconds(self) -> int:
        """How long one call may take."""
        return min(self.timeout_seconds or settings.TOOL_TIMEOUT_SECONDS, settings.TOOL_TIMEOUT_SECONDS)


class ToolQuerySet(VisibleQuerySet):
    team_path = "server__team"

    def offered(self) -> Self:
        """What agents may be shown: accepted, unchanged, still there, switched on, not halted."""
        return self.filter(
            enabled=True, server__enabled=True, withdrawn_at=None, digest=F("offered_digest"), halted_at=None,
            server__halted_at=None,
        ).exclude(digest="")

    def quarantined(self) -> Self:
        """New or changed, and waiting for a person."""
        return self.filter(withdrawn_at=None).exclude(digest=F("offered_digest"))


class Tool(Haltable):
    """A tool as people accepted it. What its server offers now may differ: then it is quarantined."""

    server = models.ForeignKey(ToolServer, on_delete=models.PROTECT, related_name="tools")
    name = models.CharField(max_length=128, help_text="What the tool server calls it.")
    # What agents call it. Mapped by this row, never by splitting the string.
    exposed_name = models.CharField(max_length=64)
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    input_schema = models.JSONField(default=dict)
    output_schema = models.JSONField(null=True, blank=True)
    annotations = models.JSONField(default=dict, help_text="MCP tool annotations: readOnlyHint, idempotentHint …")
    meta = models.JSONField(default=dict, blank=True, help_text="The definition's _meta.")
    enabled = models.BooleanField(default=True)
    # What a reviewer is shown before the call runs (governance/insight.py).
    preview = models.JSONField(
        default=dict, blank=True,
        help_text='A read-only tool of the same server: {"dry_run": "NAME"}, or {"read": "NAME", '
        '"arguments": {"id": "/customer_id"}, "after": {"/limit": "/new_limit"}}',
    )
    reversibility = models.CharField(
        max_length=200, blank=True, help_text="In words: reversible until the next pay run."
    )
    # SHA-256 of the accepted definition (governance/definitions.py); empty before the first acceptance.
    digest = models.CharField(max_length=64, blank=True, editable=False)
    offered_digest = models.CharField(max_length=64, blank=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Its server dropped it.")

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

    @property
    def is_quarantined(self) -> bool:
        return self.digest != self.offered_digest

    def why_not_available(self) -> str:
        """Why nobody may call it now, in words for the agent; empty when it may be called. Reads server and team."""
        for subject in (self.server.team, self.server, self):
            if subject.is_halted:
                return subject.in_words()
        if why := self._why_off():
            return why % {"tool": self.exposed_name, "server": self.server}
        return ""

    def _why_off(self) -> str:
        if not (self.enabled and self.server.enabled):
            return _("The tool %(tool)s is switched off.")
        if self.withdrawn_at is not None:
            return _("The tool server %(server)s no longer offers %(tool)s.")
        if self.is_quarantined and self.digest:
            return _("The definition of %(tool)s changed and waits until a person accepts it.")
        if self.is_quarantined:
            return _("The definition of %(tool)s is new and waits until a person accepts it.")
        return ""


class DefinitionVerdict(models.TextChoices):
    PENDING = "pending", "Waiting for a person"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"


class ToolVersionQuerySet(VisibleQuerySet):
    team_path = "tool__server__team"

    def pending(self) -> Self:
        """What a person has to look at: offered now and not decided."""
        return self.filter(verdict=DefinitionVerdict.PENDING, tool__withdrawn_at=None, digest=F("tool__offered_digest"))


class ToolVersion(models.Model):
    """A definition that a tool server offered for a tool: seen once, decided once."""

    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="versions")
    digest = models.CharField(max_length=64)
    definition = models.JSONField(
        help_text="name, title, description, inputSchema, outputSchema, annotations, _meta as the server gave them."
    )
    seen_at = models.DateTimeField(default=timezone.now)
    verdict = models.CharField(max_length=8, choices=DefinitionVerdict, default=DefinitionVerdict.PENDING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    objects = ToolVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tool", "digest"], name="one_version_per_tool_and_digest"),
            models.CheckConstraint(
                condition=Q(verdict__in=DefinitionVerdict.values), name="tool_version_verdict_valid"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} {self.digest[:12]}"

    @property
    def is_offered(self) -> bool:
        """What the server offers now; an older one cannot be accepted any more."""
        return self.tool.withdrawn_at is None and self.digest == self.tool.offered_digest


class EntityName(models.Model):
    """What an id in arguments is called, as its tool server said."""

    server = models.ForeignKey(ToolServer, on_delete=models.CASCADE, related_name="entity_names")
    value = models.CharField(max_length=100)
    name = models.CharField(max_length=200, blank=True, help_text="Empty: the server knows none.")
    looked_up_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["server", "value"], name="one_name_per_entity")]

    def __str__(self) -> str:
        return self.name or self.value
