"""The seam to tool servers: what a backend must offer, and how the setting TOOL_SERVERS finds it."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from governance.models import ToolServer

# The governed request that a backend's call belongs to, for what passes beside the result (progress, questions).
running_request: ContextVar[UUID | None] = ContextVar("running_request", default=None)


@dataclass(frozen=True)
class ToolDefinition:
    """A tool as its server describes it; schemas and annotations as in MCP."""

    name: str
    description: str
    input_schema: Mapping[str, Any]
    title: str = ""
    annotations: Mapping[str, Any] = field(default_factory=dict)
    output_schema: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The definition as MCP writes it: `name`, `title`, `description`, `inputSchema`, `outputSchema`,
        `annotations`, `_meta`; what is absent is left out."""
        body = {
            "name": self.name, "title": self.title, "description": self.description,
            "inputSchema": dict(self.input_schema), "annotations": dict(self.annotations), "_meta": dict(self.meta),
        }
        if self.output_schema is not None:
            body["outputSchema"] = dict(self.output_schema)
        return {name: value for name, value in body.items() if value or name in ("name", "inputSchema")}


@dataclass(frozen=True)
class ToolResult:
    """What a tool answered: MCP content blocks as plain JSON."""

    content: list[dict[str, Any]]
    structured: Any = None
    is_error: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """`{"content": [...], "structuredContent": … | absent, "_meta": {...} | absent, "isError": bool}`"""
        body: dict[str, Any] = {"content": self.content, "isError": self.is_error}
        if self.structured is not None:
            body["structuredContent"] = self.structured
        if self.meta:
            body["_meta"] = dict(self.meta)
        return body


@dataclass(frozen=True)
class PreviewedChange:
    """One thing that a call would change, in words of the reader's language."""

    label: str
    before: str
    after: str

    @property
    def is_change(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True)
class Preview:
    """What a call would do now, as far as its tool can tell. Nothing was changed to find out.

    `warning`: the tool would refuse, and why. `problem`: why there is nothing to show. `said`: a dry run's own words.
    """

    changes: tuple[PreviewedChange, ...] = ()
    note: str = ""
    warning: str = ""
    problem: str = ""
    said: str = ""
    source: str = ""  # the tool that was asked
    reversibility: str = ""


class ToolServerBackend(Protocol):
    """Made with the ToolServer row. Its methods may be called from any thread.

    A backend may offer more (governance/insight.py asks whether it does), all of it without any effect. From its own
    tables, quick enough for a page: `names(values) -> dict[str, str]`, `foreseen(calls) -> list[dict[str, Any]]`,
    `preview(tool, arguments) -> Preview`. Over the network: `read(tool, arguments, seconds=…) -> ToolResult`.
    """

    def list_tools(self) -> list[ToolDefinition]: ...

    def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Runs the tool within TOOL_TIMEOUT_SECONDS; `running_request` says for which governed request.

        Raises DownstreamFailed when it certainly had no effect and DownstreamUnknown when nobody can say.
        """
        ...


def backend_of(server: ToolServer) -> ToolServerBackend:
    return import_string(settings.TOOL_SERVERS[server.kind])(server)
