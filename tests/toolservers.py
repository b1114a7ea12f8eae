"""A tool server whose answers a test sets: `Scripted.answers[name] = callable(arguments) -> ToolResult`."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from governance.models import ToolServer
from governance.toolservers import ToolDefinition, ToolResult


class Scripted:
    answers: ClassVar[dict[str, Callable[[Mapping[str, Any]], ToolResult]]] = {}
    calls: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def __init__(self, server: ToolServer) -> None:
        self.server = server

    def list_tools(self) -> list[ToolDefinition]:
        return [ToolDefinition(name="echo", description="Says it back", input_schema={"type": "object"})]

    def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        self.calls.append((tool, dict(arguments)))
        answer = self.answers.get(tool)
        return answer(arguments) if answer else ToolResult([{"type": "text", "text": "Done."}])
