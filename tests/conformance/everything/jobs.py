"""What the tasks scenarios call. They are plain tools: holding a call as a task is the gateway's part."""

import asyncio

from mcp import types
from mcp.shared.exceptions import MCPError

from tests.conformance.everything.registry import STRING, Answer, Call, schema, text, tool
from tests.conformance.everything.rounds import NAME, answers, ask, content, form


@tool(schema(("name",), name=STRING))
async def greet(call: Call) -> str:
    """Greets at once."""
    return f"Hello, {call.arguments['name']}!"


@tool(schema(seconds={"type": "number", "minimum": 0, "maximum": 60}, label=STRING))
async def slow_compute(call: Call) -> str:
    """Takes the given number of seconds."""
    seconds = call.arguments.get("seconds", 0)
    await asyncio.sleep(seconds)
    return f"{call.arguments.get('label', '')} took {seconds} s"


@tool()
async def failing_job(call: Call) -> types.CallToolResult:
    """Fails as a tool fails."""
    return text("The job failed.", is_error=True)


@tool()
async def protocol_error_job(call: Call) -> str:
    """Fails below the tool: with a JSON-RPC error."""
    raise MCPError(code=types.INTERNAL_ERROR, message="The job broke.")


@tool(schema(filename=STRING))
async def confirm_delete(call: Call) -> Answer | str:
    """Asks before it says what it would delete."""
    given = content(answers(call.params).get("confirmation"))
    if "confirm" not in given:
        return ask(confirmation=form("Delete it?", schema(("confirm",), confirm={"type": "boolean"})))
    return f"{'Deleted' if given['confirm'] else 'Kept'} {call.arguments.get('filename', '')}"


@tool()
async def multi_input(call: Call) -> Answer | str:
    """Asks two things at once."""
    given = answers(call.params)
    wanted = {key: form(f"The {key} name?", NAME) for key in ("first", "second")}
    if not wanted.keys() <= given.keys():
        return ask(**wanted)
    return " and ".join(str(content(given[key]).get("name", "")) for key in wanted)


@tool()
async def test_tool_with_task(call: Call) -> Answer | str:
    """Asks for a name, then works for two seconds before it greets."""
    given = content(answers(call.params).get("user_name"))
    if "name" not in given:
        return ask(user_name=form("What is your name?", NAME))
    await asyncio.sleep(2)
    return f"Hello, {given['name']}!"
