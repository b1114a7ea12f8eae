"""The seam to tool servers: what a backend must offer, and how the setting TOOL_SERVERS finds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from governance.models import ToolServer


@dataclass(frozen=True)
class ToolDefinition:
    """A tool as its server describes it; schemas and annotations as in MCP."""

    name: str
    description: str
    input_schema: Mapping[str, Any]
    title: str = ""
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ToolResult:
    """What a tool answered: MCP content blocks as plain JSON."""

    content: list[dict[str, Any]]
    structured: Mapping[str, Any] | None = None
    is_error: bool = False

    def as_json(self) -> dict[str, Any]:
        """`{"content": [...], "structuredContent": {...} | absent, "isError": bool}`"""
        body: dict[str, Any] = {"content": self.content, "isError": self.is_error}
        if self.structured is not None:
            body["structuredContent"] = dict(self.structured)
        return body


class ToolServerBackend(Protocol):
    """Made with the ToolServer row. Both methods may be called from any thread."""

    def list_tools(self) -> list[ToolDefinition]: ...

    def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Runs the tool within TOOL_TIMEOUT_SECONDS.

        Raises DownstreamFailed when it certainly had no effect and DownstreamUnknown when nobody can say.
        """
        ...


def backend_of(server: ToolServer) -> ToolServerBackend:
    return import_string(settings.TOOL_SERVERS[server.kind])(server)
