"""The tools an agent sees: those of its team, with a place for the reason of a call."""

import copy
from typing import Any

from mcp import types

from governance.models import Tool

REASON = "governance_reason"
REASON_SCHEMA = {
    "type": "string",
    "description": "Why you call this tool now, in one or two sentences; shown to the reviewer.",
}


def _available(team_id: int) -> Any:
    return (
        Tool.objects.filter(server__team_id=team_id, enabled=True, server__enabled=True)
        .select_related("server")
        .order_by("exposed_name", "id")
    )


def list_tools(team_id: int) -> list[types.Tool]:
    """The team's tools by name; of two with one name the older."""
    by_name: dict[str, Tool] = {}
    for tool in _available(team_id):
        by_name.setdefault(tool.exposed_name, tool)
    return [describe(tool) for tool in by_name.values()]


def find_tool(team_id: int, name: str) -> Tool | None:
    return _available(team_id).filter(exposed_name=name).first()


def takes_reason_itself(tool: Tool) -> bool:
    """The tool has a parameter of this name: then it belongs to the tool and is passed on."""
    return REASON in tool.input_schema.get("properties", {})


def describe(tool: Tool) -> types.Tool:
    schema = copy.deepcopy(tool.input_schema)
    schema.setdefault("type", "object")
    schema.setdefault("properties", {}).setdefault(REASON, REASON_SCHEMA)
    return types.Tool(
        name=tool.exposed_name,
        title=tool.title or None,
        description=tool.description or None,
        input_schema=schema,
        annotations=types.ToolAnnotations.model_validate(tool.annotations) if tool.annotations else None,
    )
