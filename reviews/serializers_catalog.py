"""The shapes of REST for what stands behind a request: tools and their servers, teams, policies, definitions.

A server's address can hold a secret in every part but its origin, and arguments of a command can be one; neither is
shown. Values of headers and environment are sealed and are read nowhere here.
"""

from typing import Any
from urllib.parse import urlsplit

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.definitions import difference
from governance.inspection import Kind, inspect
from governance.models import PolicyVersion, Role, Team, Tool, ToolServer, ToolVersion
from reviews.serializers import one_of

HALT_FIELDS = ("is_halted", "halted_at", "halted_reason")


# -- tools -----------------------------------------------------------------------------------


class ToolSerializer(serializers.ModelSerializer):
    """A tool as people accepted it."""

    name = serializers.CharField(help_text="What its server calls it.")
    exposed_name = serializers.CharField(help_text="As agents call it; unique in its team.")
    server = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    team = serializers.CharField(source="server.team.slug")
    is_available = serializers.SerializerMethodField(help_text="Whether agents that see it can call it now.")
    why_not_available = serializers.CharField(help_text="As agents are told; empty when it is available.")
    is_quarantined = serializers.BooleanField(help_text="What its server offers waits until a person accepts it.")
    digest = serializers.CharField(help_text="SHA-256 of the accepted definition; empty before the first acceptance.")
    offered_digest = serializers.CharField(help_text="Of what its server offers now.")
    is_halted = serializers.BooleanField(help_text="This tool itself; its server or team can be halted too.")

    class Meta:
        model = Tool
        fields = (
            "id", "exposed_name", "name", "title", "server", "team", "is_available", "why_not_available",
            "is_quarantined", "digest", "offered_digest", "withdrawn_at", *HALT_FIELDS,
        )
        read_only_fields = fields

    def get_is_available(self, tool: Tool) -> bool:
        return not tool.why_not_available()


class ToolDetailSerializer(ToolSerializer):
    input_schema = serializers.SerializerMethodField(help_text="JSON Schema of its arguments.")
    output_schema = serializers.SerializerMethodField(help_text="JSON Schema of its structured results.")
    annotations = serializers.SerializerMethodField(help_text="MCP tool annotations.")
    preview = serializers.SerializerMethodField(
        help_text="Which read-only tool tells a reviewer what a call would change; empty: none does."
    )
    reversibility = serializers.CharField(help_text="How a call is taken back, in words; empty: nobody has said.")

    class Meta:
        model = Tool
        fields = (
            *ToolSerializer.Meta.fields, "description", "input_schema", "output_schema", "annotations", "preview",
            "reversibility",
        )
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_preview(self, tool: Tool) -> Any:
        return tool.preview

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_input_schema(self, tool: Tool) -> Any:
        return tool.input_schema

    @extend_schema_field({"type": "object", "additionalProperties": {}, "nullable": True})
    def get_output_schema(self, tool: Tool) -> Any:
        return tool.output_schema

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_annotations(self, tool: Tool) -> Any:
        return tool.annotations


class ResolverSerializer(serializers.Serializer):
    """Ids that match `pattern` are looked up with `tool`."""

    pattern = serializers.CharField(help_text="A regular expression over the whole id.")
    tool = serializers.CharField(help_text="A read-only tool of the same server.")
    argument = serializers.CharField(help_text="Which of its arguments takes the id.")
    name = serializers.CharField(help_text="JSON pointer into its answer, or “text”.")


# -- tool servers ----------------------------------------------------------------------------


class ToolServerSerializer(serializers.ModelSerializer):
    team = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    kind = serializers.CharField(help_text="http, sse, stdio, or a server built into the gateway.")
    origin = serializers.SerializerMethodField(
        help_text="Scheme, host and port of its address; the rest can hold a secret. Empty when it has none."
    )
    has_secrets = serializers.SerializerMethodField(help_text="Whether it has headers or an environment of its own.")
    state = one_of(("halted", "off", "down", "new", "up"))(help_text="new: its tools were never read.")
    listed_at = serializers.DateTimeField(allow_null=True, help_text="Its tools were last read.")
    last_error = serializers.SerializerMethodField(help_text="Why they could not be read; empty when they could.")
    is_halted = serializers.BooleanField()

    class Meta:
        model = ToolServer
        fields = (
            "id", "slug", "name", "team", "kind", "origin", "has_secrets", "enabled", "state", "listed_at",
            "down_since", "last_error", *HALT_FIELDS,
        )
        read_only_fields = fields

    def get_origin(self, server: ToolServer) -> str:
        return origin_of(server.url)

    def get_has_secrets(self, server: ToolServer) -> bool:
        return bool(server.sealed)

    def get_last_error(self, server: ToolServer) -> str:
        return without_address(server.last_error, server.url)


class ToolServerDetailSerializer(ToolServerSerializer):
    tools = serializers.SerializerMethodField(help_text="How many it offers now.")
    quarantined_tools = serializers.SerializerMethodField(help_text="How many of them wait for a person.")
    call_seconds = serializers.IntegerField(help_text="How long one call may take.")
    allowed_resources = serializers.CharField(help_text="URIs that agents may read: one pattern with * per line.")
    allowed_prompts = serializers.CharField(help_text="Prompts that agents may use: one pattern with * per line.")
    resolvers = ResolverSerializer(many=True, read_only=True, help_text="How ids in arguments become names.")

    class Meta:
        model = ToolServer
        fields = (
            *ToolServerSerializer.Meta.fields, "tools", "quarantined_tools", "call_seconds", "max_result_bytes",
            "allowed_resources", "allowed_prompts", "resolvers",
        )
        read_only_fields = fields

    def get_tools(self, server: ToolServer) -> int:
        return server.tools.filter(withdrawn_at=None).count()

    def get_quarantined_tools(self, server: ToolServer) -> int:
        return server.tools.quarantined().count()


def origin_of(url: str) -> str:
    """https://user:x@host:1/path?query → https://host:1; empty for what is no address."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}" if host else ""


def without_address(text: str, url: str) -> str:
    """An error as its connection worded it, without the parts of the address that can hold a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return text
    secret = {url, parts.path, parts.query, parts.fragment, parts.netloc.rpartition("@")[0]} - {"", "/"}
    for part in sorted(secret, key=len, reverse=True):
        text = text.replace(part, "…")
    return text


# -- teams and policies ----------------------------------------------------------------------


class TeamSerializer(serializers.ModelSerializer):
    is_halted = serializers.BooleanField()
    my_role = serializers.SerializerMethodField(help_text="Null for a superuser who is no member.")

    class Meta:
        model = Team
        fields = ("id", "slug", "name", "my_role", *HALT_FIELDS)
        read_only_fields = fields

    @extend_schema_field(one_of(Role, nullable=True))
    def get_my_role(self, team: Team) -> str | None:
        """Context: `roles`, the caller's role by the team's id."""
        return self.context["roles"].get(team.pk)


class PolicySerializer(serializers.ModelSerializer):
    team = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    number = serializers.IntegerField(help_text="Counts the versions of the team.")
    active = serializers.BooleanField(help_text="It decides about new calls; at most one of a team does.")
    digest = serializers.CharField(help_text="SHA-256 of the text.")
    created_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    activated_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = PolicyVersion
        fields = (
            "id", "team", "number", "active", "digest", "note", "created_by", "created_at", "activated_by",
            "activated_at",
        )
        read_only_fields = fields


class PolicyDetailSerializer(PolicySerializer):
    text = serializers.CharField(help_text="The YAML rule file.")

    class Meta:
        model = PolicyVersion
        fields = (*PolicySerializer.Meta.fields, "text")
        read_only_fields = fields


# -- definitions -----------------------------------------------------------------------------


class DefinitionToolSerializer(serializers.ModelSerializer):
    class Meta:
        model = Tool
        fields = ("id", "exposed_name")
        read_only_fields = fields


class DefinitionSerializer(serializers.ModelSerializer):
    """A definition that a server offered for a tool. It never changes: its id stands for exactly this text."""

    tool = DefinitionToolSerializer(read_only=True)
    server = serializers.CharField(source="tool.server.slug")
    team = serializers.CharField(source="tool.server.team.slug")
    accepted_digest = serializers.CharField(
        source="tool.digest", help_text="Of the definition that counts now; empty when the tool is new."
    )
    is_offered = serializers.BooleanField(help_text="Only what the server offers now can be accepted.")
    verdict = serializers.CharField(help_text="pending, accepted or rejected.")
    decided_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = ToolVersion
        fields = (
            "id", "tool", "server", "team", "digest", "accepted_digest", "is_offered", "verdict", "seen_at",
            "decided_by", "decided_at", "reason",
        )
        read_only_fields = fields


class ChangeSerializer(serializers.Serializer):
    path = serializers.CharField(help_text="JSON pointer into the definition.")
    old = serializers.CharField(allow_null=True, help_text="Null where it had nothing.")
    new = serializers.CharField(allow_null=True, help_text="Null where it has nothing any more.")
    note = serializers.CharField(help_text="What differs when both look alike.")


class FindingSerializer(serializers.Serializer):
    kind = one_of(Kind)()
    where = serializers.CharField(help_text="JSON pointer into the definition.")
    excerpt = serializers.CharField(help_text="The place, short; hidden characters are spelled out.")
    meaning = serializers.CharField()


class DefinitionDetailSerializer(DefinitionSerializer):
    definition = serializers.SerializerMethodField(help_text="As the server gave it.")
    changes = serializers.SerializerMethodField(help_text="Against what counts now; empty for a new tool.")
    findings = serializers.SerializerMethodField(help_text="What a reader cannot see, or should not obey, in it.")

    class Meta:
        model = ToolVersion
        fields = (*DefinitionSerializer.Meta.fields, "definition", "changes", "findings")
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_definition(self, version: ToolVersion) -> Any:
        return version.definition

    @extend_schema_field(ChangeSerializer(many=True))
    def get_changes(self, version: ToolVersion) -> list[dict[str, Any]]:
        accepted = version.tool.versions.filter(digest=version.tool.digest).first() if version.tool.digest else None
        changes = difference(accepted.definition, version.definition) if accepted else []
        return ChangeSerializer(changes, many=True).data

    @extend_schema_field(FindingSerializer(many=True))
    def get_findings(self, version: ToolVersion) -> list[dict[str, Any]]:
        return FindingSerializer(inspect(version.definition), many=True).data


# -- halts -----------------------------------------------------------------------------------


class HaltedSerializer(serializers.Serializer):
    """What was halted or resumed, as it stands now."""

    kind = one_of(("agent", "tool", "tool_server", "team"))()
    id = serializers.IntegerField(source="subject.pk")
    name = serializers.CharField(source="subject")
    is_halted = serializers.BooleanField(source="subject.is_halted")
    halted_at = serializers.DateTimeField(source="subject.halted_at", allow_null=True)
    halted_reason = serializers.CharField(source="subject.halted_reason")
    changed = serializers.BooleanField(help_text="False when it stood like this before.")
