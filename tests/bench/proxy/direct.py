"""The tool server behind every gateway of the bench: the official SDK's low-level server, stateless, JSON answers.

Its one tool `echo` answers with the text that it was given, and counts how often it ran for each text: GET /runs is
that count as JSON. /health/live is how the bench knows that the server answers.
"""

import json
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
_runs: Counter[str] = Counter()


async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[types.Tool(name="echo", description="Says it back.", input_schema=SCHEMA)])


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    text = params.arguments["text"]
    _runs[text] += 1
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


server = Server("direct", on_list_tools=list_tools, on_call_tool=call_tool)
manager = StreamableHTTPSessionManager(app=server, stateless=True, json_response=True)


async def _lifespan(receive: Any, send: Any) -> None:
    async with AsyncExitStack() as stack:
        while (message := await receive())["type"] != "lifespan.shutdown":
            await stack.enter_async_context(manager.run())
            await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["path"] == "/mcp":
        await manager.handle_request(scope, receive, send)
    else:
        body = json.dumps(_runs if scope["path"] == "/runs" else {}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
