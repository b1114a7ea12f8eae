"""@modelcontextprotocol/server-everything behind the gateway: nothing that it says changes on the way."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gateway import Gateway
from tests.mcp_bridge.agents import connect
from tests.peers.behind import add_server
from tests.peers.direct import directly, said
from tests.peers.installed import needs_npm, node

pytestmark = needs_npm
SCRIPT = "@modelcontextprotocol/server-everything/dist/index.js"

# Every kind of content: text, image, annotations, links to resources, resources, structured content, a tool's error.
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("echo", {"message": "Hello, ünïcode 👋"}),
    ("get-sum", {"a": 2, "b": 3}),
    ("get-tiny-image", {}),
    ("get-annotated-message", {"messageType": "error", "includeImage": True}),
    ("get-resource-links", {"count": 3}),
    ("get-resource-reference", {"resourceType": "Text", "resourceId": 1}),
    ("get-structured-content", {"location": "Chicago"}),
    ("get-resource-reference", {"resourceType": "Text", "resourceId": -1}),
]


async def test_results_come_through_unchanged(make_gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    command = node(SCRIPT, "stdio")
    gateway = make_gateway()
    names = add_server(gateway, "everything", "stdio", command=command[0], args=command[1:])
    assert "everything__get-tiny-image" in names
    async with directly(command, tmp_path) as peer:
        offered = {tool.name: tool for tool in (await peer.list_tools()).tools}
        expected = [said(await peer.call_tool(name, arguments)) for name, arguments in CALLS]
    async with connect(gateway.url, "http-2026", gateway.agent_token) as agent:
        listed = {tool.name: tool for tool in (await agent.list_tools()).tools}
        given = [said(await agent.call_tool(f"everything__{name}", arguments)) for name, arguments in CALLS]
    assert [_without_time(result) for result in given] == [_without_time(result) for result in expected]
    assert {f"everything__{name}" for name in offered} <= listed.keys()
    for name, tool in offered.items():
        assert listed[f"everything__{name}"].description == tool.description
        assert listed[f"everything__{name}"].output_schema == tool.output_schema
        assert listed[f"everything__{name}"].annotations == tool.annotations


async def test_progress_comes_through(make_gateway: Callable[..., Gateway]) -> None:
    command = node(SCRIPT, "stdio")
    gateway = make_gateway()
    add_server(gateway, "everything", "stdio", command=command[0], args=command[1:])
    steps: list[tuple[float, float | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        steps.append((progress, total))

    async with connect(gateway.url, "http-2026", gateway.agent_token) as agent:
        result = await agent.call_tool(
            "everything__trigger-long-running-operation", {"duration": 1, "steps": 4}, progress_callback=note
        )
    assert result.is_error is False
    assert [step for step in steps if step[1] == 4] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def _without_time(value: Any) -> Any:
    """Without the clock's reading, which two answers of this server never share."""
    if isinstance(value, dict):
        return {key: _without_time(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_time(part) for part in value]
    return re.sub(r"created at \d+:\d+:\d+ [AP]M", "created", value) if isinstance(value, str) else value
