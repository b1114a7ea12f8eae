"""The tools an agent sees: those of its team, with a place for the reason of a call."""

import copy

from mcp import types

from governance.models import Agent, Tool
from governance.models.tools import ToolQuerySet

REASON = "governance_reason"
REASON_SCHEMA = {
    "type": "string",
    "description": "Why you call this tool now, in one or two sentences; shown to the reviewer.",
}


def list_tools(agent_id: int) -> list[types.Tool]:
    """What this agent may call now, by name; of two with one name the older. Halted or quarantined tools are not."""
    agent = Agent.objects.select_related("team").get(pk=agent_id)
    if agent.is_halted or agent.team.is_halted:
        return []
    by_name: dict[str, Tool] = {}
    for tool in _tools_of(agent).offered():
        if agent.sees(tool.exposed_name):
            by_name.setdefault(tool.exposed_name, tool)
    return [describe(tool) for tool in by_name.values()]


def find_tool(agent_id: int, name: str) -> Tool | None:
    """The tool of this name that the agent sees, whether or not it can be called now; `receive` says why not."""
    agent = Agent.objects.get(pk=agent_id)
    if not agent.sees(name):
        return None
    found = _tools_of(agent).filter(exposed_name=name)
    return found.offered().first() or found.first()


def _tools_of(agent: Agent) -> ToolQuerySet:
    return Tool.objects.filter(server__team_id=agent.team_id).select_related("server").order_by("exposed_name", "id")


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
        output_schema=tool.output_schema,
        annotations=types.ToolAnnotations.model_validate(tool.annotations) if tool.annotations else None,
        _meta=tool.meta or None,
    )
