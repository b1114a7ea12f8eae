"""kill -9 of a gateway in the middle of an allowed call: its outcome is unknown, it is not lost, and it runs once."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import httpx2
import pytest
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from tests.gateway import Gateway
from tests.mcp_bridge.agents import connect, wait_for_status
from tests.mcp_bridge.downstream.served import run_app
from tests.mcp_bridge.lanes import HEADERS, call

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
_REGISTER = """
from governance import actions
from governance.models import Team, Tool
server = actions.add_tool_server(slug="held", kind="http", url={url!r})
actions.read_tools(server)
actions.accept_all_offered(server, reason="The test's own server.")
text = "version: 1\\nrules:\\n  - name: r\\n    effect: allow\\n    when: {{server: held}}\\n"
actions.activate_policy(actions.save_policy(Team.objects.default(), text))
print(Tool.objects.get(server=server).exposed_name)
"""
_SWEEP = """
from datetime import timedelta
from django.utils import timezone
from governance.models import Execution
from governance.workflow import sweeper
Execution.objects.filter(returned_at=None).update(claimed_at=timezone.now() - timedelta(minutes=5))
print(sweeper.resolve_abandoned(timezone.now()))
"""
_LEFT = """
import json
from governance.models import GovernanceRequest
print(json.dumps([[row.reference, row.status, row.execution.attempts] for row in GovernanceRequest.objects.all()]))
"""


class HeldServer:
    """A tool server whose one tool waits until it is let go, and counts its runs by text."""

    def __init__(self, **hints: bool) -> None:
        self.runs: Counter[str] = Counter()
        self.begun, self.let_go = threading.Event(), threading.Event()

        async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
            annotations = types.ToolAnnotations.model_validate(hints)
            return types.ListToolsResult(
                tools=[types.Tool(name="echo", description="Says it.", input_schema=SCHEMA, annotations=annotations)]
            )

        async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
            text = params.arguments["text"]
            self.runs[text] += 1
            self.begun.set()
            await asyncio.to_thread(self.let_go.wait, 60)
            return types.CallToolResult(content=[types.TextContent(type="text", text=text)])

        server = Server("held", on_list_tools=list_tools, on_call_tool=call_tool)
        self._manager = StreamableHTTPSessionManager(app=server, stateless=True, json_response=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            return await self._manager.handle_request(scope, receive, send)
        async with AsyncExitStack() as stack:
            while (message := await receive())["type"] != "lifespan.shutdown":
                await stack.enter_async_context(self._manager.run())
                await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[HeldServer, str]]]:
    with HeldServers() as stack:
        yield stack.serve


class HeldServers:
    """Tool servers in threads, let go and ended after the test."""

    def __enter__(self) -> "HeldServers":
        self._open: list[tuple[HeldServer, Any]] = []
        return self

    def serve(self, **hints: bool) -> tuple[HeldServer, str]:
        server = HeldServer(**hints)
        running = run_app(server)
        origin = running.__enter__()
        self._open.append((server, running))
        return server, f"{origin}/mcp"

    def __exit__(self, *error: object) -> None:
        for server, running in self._open:
            server.let_go.set()
            running.__exit__(None, None, None)


def killed_in_the_call(gateway: Gateway, server: HeldServer, url: str) -> None:
    """Calls the tool and kills the gateway while it runs."""
    tool = gateway.python(_REGISTER.format(url=url)).strip()
    headers = {**HEADERS, **gateway.headers, "mcp-name": tool, "host": f"127.0.0.1:{gateway.port}"}

    def ask() -> None:
        with suppress(httpx2.HTTPError):
            httpx2.post(f"{gateway.url}/mcp", json=call("once", name=tool), headers=headers, timeout=60)

    asking = threading.Thread(target=ask)
    asking.start()
    assert server.begun.wait(60)
    gateway.kill()
    asking.join(30)


@pytest.mark.parametrize("software", ["daphne", "uvicorn"])
def test_it_ends_as_unknown_and_never_runs_again(
    software: str, make_gateway: Callable[..., Gateway], serve: Callable[..., tuple[HeldServer, str]]
) -> None:
    server, url = serve()
    gateway = make_gateway(software, ATLAS_RUN_WORKERS="0")
    killed_in_the_call(gateway, server, url)
    ((reference, status, _),) = json.loads(gateway.python(_LEFT))
    assert status == "executing"
    server.let_go.set()
    assert gateway.python(_SWEEP).strip() == "1"
    gateway.start()
    assert json.loads(gateway.python(_LEFT)) == [[reference, "outcome_unknown", 1]]
    assert server.runs == {"once": 1}


async def test_an_idempotent_one_is_run_again_by_the_workflow(
    make_gateway: Callable[..., Gateway], serve: Callable[..., tuple[HeldServer, str]]
) -> None:
    server, url = serve(idempotentHint=True)
    gateway = make_gateway()
    await asyncio.to_thread(killed_in_the_call, gateway, server, url)
    ((reference, _, _),) = json.loads(gateway.python(_LEFT))
    server.let_go.set()
    assert gateway.python(_SWEEP).strip() == "0"
    await asyncio.to_thread(gateway.start)
    async with connect(gateway.url, "http-2026", gateway.agent_token) as agent:
        await wait_for_status(agent, reference, "succeeded")
    assert json.loads(gateway.python(_LEFT)) == [[reference, "succeeded", 2]]
    assert server.runs == {"once": 2}
