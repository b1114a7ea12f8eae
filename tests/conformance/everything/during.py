"""Tools that need an answer from the client's side and ask by a request in mid-call (2025-11-25)."""

import json

from mcp import types

from tests.conformance.everything.registry import STRING, Call, Schema, schema, text, tool


async def _elicit(call: Call, message: str, requested: Schema, label: str) -> types.CallToolResult:
    answer = await call.ctx.session.elicit_form(message, requested, related_request_id=call.ctx.request_id)
    return text(f"{label}: action={answer.action}, content={json.dumps(answer.content or {})}")


@tool(schema(("prompt",), prompt=STRING))
async def test_sampling(call: Call) -> str:
    """Asks the client's model."""
    answer = await call.ctx.session.create_message(
        [types.SamplingMessage(role="user", content=types.TextContent(type="text", text=call.arguments["prompt"]))],
        max_tokens=100, related_request_id=call.ctx.request_id,
    )
    return f"LLM response: {getattr(answer.content, 'text', '')}"


@tool(schema(("message",), message=STRING))
async def test_elicitation(call: Call) -> types.CallToolResult:
    """Asks the user a question."""
    answers = schema(("username", "email"), username=STRING, email=STRING)
    return await _elicit(call, call.arguments["message"], answers, "User response")


@tool()
async def test_elicitation_sep1034_defaults(call: Call) -> types.CallToolResult:
    """Asks with a default for every primitive type."""
    return await _elicit(call, "Please review and update the form fields with defaults", schema(
        name={"type": "string", "default": "John Doe"},
        age={"type": "integer", "default": 30},
        score={"type": "number", "default": 95.5},
        status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        verified={"type": "boolean", "default": True},
    ), "Elicitation completed")


@tool()
async def test_elicitation_sep1330_enums(call: Call) -> types.CallToolResult:
    """Asks with every form of choice."""
    options = ["option1", "option2", "option3"]
    titled = [{"const": f"value{number}", "title": f"Option {number}"} for number in (1, 2, 3)]
    return await _elicit(call, "Please choose", schema(
        untitledSingle={"type": "string", "enum": options},
        titledSingle={"type": "string", "oneOf": titled},
        legacyEnum={"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]},
        untitledMulti={"type": "array", "items": {"type": "string", "enum": options}},
        titledMulti={"type": "array", "items": {"anyOf": titled}},
    ), "Elicitation completed")
