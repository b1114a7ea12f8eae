"""Tools that answer by themselves: content of every kind, errors, progress, log messages, announced changes."""

import asyncio
from typing import Any

from mcp import types
from mcp.server.subscriptions import InMemorySubscriptionBus, PromptsListChanged, ToolsListChanged
from mcp.shared.exceptions import MCPError

from tests.conformance.everything.media import AUDIO, IMAGE, embedded
from tests.conformance.everything.registry import STRING, Call, schema, text, tool

BUS = InMemorySubscriptionBus()
STEP_SECONDS = 0.02

DIALECT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {"$anchor": "addressDef", "type": "object", "properties": {"street": STRING, "city": STRING}},
    },
    "properties": {
        "name": STRING,
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": STRING,
        "email": STRING,
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


@tool()
async def test_simple_text(call: Call) -> str:
    """Answers with one text."""
    return "This is a simple text response for testing."


@tool()
async def test_image_content(call: Call) -> types.CallToolResult:
    """Answers with a PNG of one pixel."""
    return types.CallToolResult(content=[IMAGE])


@tool()
async def test_audio_content(call: Call) -> types.CallToolResult:
    """Answers with a WAV of one sample."""
    return types.CallToolResult(content=[AUDIO])


@tool()
async def test_embedded_resource(call: Call) -> types.CallToolResult:
    """Answers with a resource inside the result."""
    resource = embedded("test://embedded-resource", "This is an embedded resource content.")
    return types.CallToolResult(content=[resource])


@tool()
async def test_multiple_content_types(call: Call) -> types.CallToolResult:
    """Answers with a text, an image and a resource."""
    resource = embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
    return types.CallToolResult(
        content=[types.TextContent(type="text", text="Multiple content types test:"), IMAGE, resource]
    )


@tool()
async def test_error_handling(call: Call) -> types.CallToolResult:
    """Fails, as a tool fails: with isError."""
    return text("This tool intentionally returns an error for testing", is_error=True)


@tool()
async def test_tool_with_progress(call: Call) -> str:
    """Reports 0, 50 and 100 of 100."""
    for done in (0, 50, 100):
        await call.ctx.session.report_progress(done, 100, f"Completed step {done} of 100")
        await asyncio.sleep(STEP_SECONDS)
    return str((call.ctx.meta or {}).get("progress_token", 0))


async def _log(call: Call, line: str) -> None:
    await call.ctx.session.send_log_message(
        "info", line, logger="everything", related_request_id=call.ctx.request_id
    )


@tool()
async def test_tool_with_logging(call: Call) -> str:
    """Sends three log messages."""
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await _log(call, line)
        await asyncio.sleep(STEP_SECONDS)
    return "Tool with logging executed successfully"


@tool()
async def test_logging_tool(call: Call) -> str:
    """Has something to log; whether the client hears it is decided by the level it asked for."""
    await _log(call, "A line for whoever asked for it")
    return "Logged"


@tool()
async def test_missing_capability(call: Call) -> str:
    """Needs a client that offers sampling."""
    if not call.ctx.session.check_client_capability(types.ClientCapabilities(sampling=types.SamplingCapability())):
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool needs the client's sampling capability.",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return "The client offers sampling."


_REGION: dict[str, Any] = {
    "type": "string", "description": "Also sent as the header Mcp-Param-Region", "x-mcp-header": "Region"
}


@tool(schema(region=_REGION))
async def test_x_mcp_header(call: Call) -> str:
    """Has an argument that travels in a header too."""
    return f"region={call.arguments.get('region', '')}"


@tool(DIALECT)
async def json_schema_2020_12_tool(call: Call) -> str:
    """Carries the keywords of JSON Schema 2020-12 in its schema."""
    return "Accepted"


@tool()
async def test_trigger_tool_change(call: Call) -> str:
    """Announces that the list of tools changed."""
    await BUS.publish(ToolsListChanged())
    return "Announced"


@tool()
async def test_trigger_prompt_change(call: Call) -> str:
    """Announces that the list of prompts changed."""
    await BUS.publish(PromptsListChanged())
    return "Announced"
