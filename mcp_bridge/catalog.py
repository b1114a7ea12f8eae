"""The tools an agent sees: those of its team, with a place for the reason of a call."""

import copy
import logging
from typing import Any

from mcp import types
from pydantic import ValidationError

from governance.models import Agent, Tool
from governance.models.tools import ToolQuerySet
from governance.policy import DEFAULT_POLICY, Policy
from governance.rulings import active_policy, compiled, policy_call
from mcp_bridge.outputs import WAITING, or_pending, possible_effects

log = logging.getLogger(__name__)

REASON = "governance_reason"
REASON_SCHEMA = {
    "type": "string",
    "description": "Why you call this tool now, in one or two sentences; shown to the reviewer.",
}


def list_tools(agent_id: int) -> list[dict[str, Any]]:
    """What this agent may call now, by name; of two with one name the older. Halted or quarantined tools are not.

    Each as MCP writes it. One that is not as MCP demands is left out and logged.
    """
    agent = Agent.objects.select_related("team").get(pk=agent_id)
    if agent.is_halted or agent.team.is_halted:
        return []
    version = active_policy(agent.team_id)
    policy = compiled(version.text) if version else DEFAULT_POLICY
    by_name: dict[str, Tool] = {}
    for tool in _tools_of(agent).offered():
        if agent.sees(tool.exposed_name):
            by_name.setdefault(tool.exposed_name, tool)
    described = (describe(tool, policy, agent.name) for tool in by_name.values())
    return [tool for tool in described if _is_valid(tool)]


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


def describe(tool: Tool, policy: Policy = DEFAULT_POLICY, agent: str = "") -> dict[str, Any]:
    """The accepted definition as MCP writes it, unchanged but for the parameter `governance_reason` and an
    outputSchema that admits PENDING REVIEW where the policy may make a call of this agent wait."""
    schema = copy.deepcopy(tool.input_schema)
    schema.setdefault("type", "object")
    schema.setdefault("properties", {}).setdefault(REASON, REASON_SCHEMA)
    output = tool.output_schema
    if output is not None and WAITING & possible_effects(policy, policy_call(agent, tool, {})):
        output = or_pending(output)
    fields = {
        "name": tool.exposed_name, "title": tool.title, "description": tool.description, "inputSchema": schema,
        "outputSchema": output, "annotations": tool.annotations, "_meta": tool.meta,
    }
    return {name: value for name, value in fields.items() if value or name == "inputSchema"}


def for_handshake(tool: dict[str, Any]) -> dict[str, Any]:
    """The tool for a client from before 2026-07-28, which knows only output schemas of objects."""
    schema = tool.get("outputSchema")
    if schema is None or schema.get("type") == "object":
        return tool
    return {name: value for name, value in tool.items() if name != "outputSchema"}


def _is_valid(tool: dict[str, Any]) -> bool:
    try:
        types.Tool.model_validate(tool)
    except ValidationError as error:
        log.warning("the definition of %s is not what MCP demands and is left out: %s", tool["name"], error)
        return False
    return True
