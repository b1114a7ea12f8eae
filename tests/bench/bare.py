"""What the gateway is measured beside: an MCP server of the same SDK that governs nothing and keeps nothing.

`check_status` answers with a constant of the gateway's shape and size, so that the ratio is the gateway's work and not
the size of its answer. `hold` waits in memory until somebody posts to /release.
"""

import asyncio
import contextvars
import json
from typing import Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

FACTS = {
    "gateway": "healthy", "problems": [], "agent": "demo-agent", "open_count": 0, "open_requests": [],
}
_released: set[asyncio.Event] = set()


async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
    schema = {"type": "object", "properties": {}}
    tools = [types.Tool(name=name, input_schema=schema) for name in ("check_status", "hold")]
    return types.ListToolsResult(tools=tools)


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    if params.name == "hold":
        event = asyncio.Event()
        _released.add(event)
        await event.wait()
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=json.dumps(FACTS))], structured_content=FACTS
    )


server = Server("bare", on_list_tools=list_tools, on_call_tool=call_tool, get_tool_input_schema=lambda name: None)
sse = SseServerTransport("/mcp/messages/")
_manager: asyncio.Future[StreamableHTTPSessionManager] | None = None
_keep: list[asyncio.Task[None]] = []


async def _run_manager(ready: "asyncio.Future[StreamableHTTPSessionManager]") -> None:
    manager = StreamableHTTPSessionManager(app=server)
    async with manager.run():
        ready.set_result(manager)
        await asyncio.Event().wait()


async def _http() -> StreamableHTTPSessionManager:
    global _manager
    if _manager is None:  # daphne sends no lifespan: the first request starts it
        _manager = asyncio.get_running_loop().create_future()
        _keep.append(asyncio.get_running_loop().create_task(_run_manager(_manager), context=contextvars.Context()))
    return await _manager


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    path = scope["path"]
    if path == "/mcp":
        await (await _http()).handle_request(scope, receive, send)
    elif path == "/mcp/sse":
        async with sse.connect_sse(scope, receive, send) as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
    elif path.startswith("/mcp/messages"):
        await sse.handle_post_message(scope, receive, send)
    else:  # /release, and /health/live, by which the bench knows that the server answers
        body = str(len(_released)).encode()
        if path == "/release":
            while _released:
                _released.pop().set()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
