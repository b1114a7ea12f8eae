"""A real MCP server of the official SDK: over HTTP and SSE in a thread of the tests, over stdio as a process.

    python -m tests.mcp_bridge.downstream.everything [word said at start]
"""

import asyncio
import os
import sys
from collections import Counter
from typing import Any

import mcp.types as t
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.shared.exceptions import MCPError

RESULT_META = {"example.org/trace": "abc"}
BLOCKS: list[dict[str, Any]] = [
    {"type": "text", "text": "hello", "annotations": {"audience": ["user"]}, "_meta": {"k": 1}},
    {"type": "image", "data": "aGk=", "mimeType": "image/png"},
    {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"},
    {"type": "resource_link", "uri": "demo://one", "name": "one"},
    {"type": "resource", "resource": {"uri": "demo://one", "text": "first", "mimeType": "text/plain"}},
]
ASK = {"type": "object", "properties": {"name": {"type": "string"}}}
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}
TOOLS = (
    "echo", "blocks", "error", "broken", "invalid", "slow", "count", "ask", "progress", "sample", "change", "env",
    "mirror",
)
MIRRORED = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}


class Everything:
    """`calls` counts what each tool really received; `cancelled` names the calls that were cancelled."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.cancelled: list[str] = []
        self.bus = InMemorySubscriptionBus()
        self.server = Server(
            "everything", version="1.0", instructions="Be kind.", on_list_tools=self.list_tools,
            on_call_tool=self.call_tool, on_list_resources=self.list_resources, on_read_resource=self.read_resource,
            on_list_prompts=self.list_prompts, on_get_prompt=self.get_prompt,
            on_subscriptions_listen=ListenHandler(self.bus),
        )
        plain = self.server.create_initialization_options
        self.server.create_initialization_options = lambda *_, **__: plain(NotificationOptions(tools_changed=True))

    async def list_tools(self, ctx: Any, params: Any) -> t.ListToolsResult:
        """Two pages."""
        first = params is None or params.cursor is None
        names = TOOLS[:5] if first else TOOLS[5:]
        tools = [
            t.Tool(
                name=name, description=f"Does {name}", title=name.title(),
                input_schema=MIRRORED if name == "mirror" else SCHEMA,
                output_schema={"type": "object"} if name == "blocks" else None,
                annotations=t.ToolAnnotations(read_only_hint=name == "echo"), _meta={"origin": "test"},
            )
            for name in names
        ]
        return t.ListToolsResult(tools=tools, next_cursor="2" if first else None)

    async def list_resources(self, ctx: Any, params: Any) -> t.ListResourcesResult:
        return t.ListResourcesResult(resources=[t.Resource(uri="demo://one", name="one")])

    async def read_resource(self, ctx: Any, params: Any) -> t.ReadResourceResult:
        return t.ReadResourceResult(contents=[t.TextResourceContents(uri=params.uri, text="first")])

    async def list_prompts(self, ctx: Any, params: Any) -> t.ListPromptsResult:
        return t.ListPromptsResult(prompts=[t.Prompt(name="greet")])

    async def get_prompt(self, ctx: Any, params: Any) -> t.GetPromptResult:
        said = t.TextContent(type="text", text=f"Greet {(params.arguments or {}).get('who')}")
        return t.GetPromptResult(messages=[t.PromptMessage(role="user", content=said)])

    async def call_tool(self, ctx: Any, params: Any) -> Any:
        self.calls[params.name] += 1
        arguments = params.arguments or {}
        return await getattr(self, f"do_{params.name}")(ctx, params, arguments)

    async def do_echo(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        return _text(arguments.get("text", ""))

    async def do_blocks(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        return t.CallToolResult.model_validate(
            {"content": BLOCKS, "structuredContent": {"a": [1, None]}, "_meta": RESULT_META}
        )

    async def do_error(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        return t.CallToolResult(content=[t.TextContent(type="text", text="no such file")], is_error=True)

    async def do_broken(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        raise RuntimeError("secret detail")

    async def do_invalid(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        raise MCPError(t.INVALID_PARAMS, "text must be short")

    async def do_slow(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.cancelled.append(arguments.get("text", ""))
            raise

    async def do_count(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        return _text(f"{len(arguments.get('text', ''))} characters {'x' * int(arguments.get('answer', 0))}")

    async def do_ask(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        if ctx.protocol_version == "2026-07-28":
            if not params.input_responses:
                asked = t.ElicitRequest(params=t.ElicitRequestFormParams(message="Who?", requested_schema=ASK))
                return t.InputRequiredResult(input_requests={"who": asked}, request_state="state-1")
            assert params.request_state == "state-1"
            answer = params.input_responses["who"]
        else:
            answer = await ctx.session.elicit_form("Who?", ASK, related_request_id=ctx.request_id)
        return _text(f"{answer.action} {(answer.content or {}).get('name', '')}".strip())

    async def do_progress(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        await ctx.session.report_progress(1, 2, "half way")
        await ctx.session.report_progress(2, 2, "there")
        return _text("done")

    async def do_sample(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        try:
            await ctx.session.create_message(
                [t.SamplingMessage(role="user", content=t.TextContent(type="text", text="hi"))], max_tokens=5,
                related_request_id=ctx.request_id,
            )
        except MCPError as error:
            return _text(f"refused: {error}")
        return _text("sampled")

    async def do_change(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        await self.bus.publish(ToolsListChanged())
        if ctx.protocol_version != "2026-07-28":
            await ctx.session.send_tool_list_changed()
        return _text("changed")

    async def do_env(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        import json
        import resource

        facts = {
            "env": dict(os.environ), "cwd": os.getcwd(), "pid": os.getpid(), "group": os.getpgrp(),
            "core": resource.getrlimit(resource.RLIMIT_CORE)[0], "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        }
        return _text(json.dumps(facts))

    async def do_mirror(self, ctx: Any, params: Any, arguments: dict[str, Any]) -> Any:
        return _text(ctx.request.headers.get("mcp-param-region", "not mirrored"))


def _text(text: str) -> t.CallToolResult:
    return t.CallToolResult(content=[t.TextContent(type="text", text=text)])


async def _stdio() -> None:
    from mcp.server.stdio import stdio_server

    server = Everything().server
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


if __name__ == "__main__":
    print("started", *sys.argv[1:], file=sys.stderr)
    asyncio.run(_stdio())
