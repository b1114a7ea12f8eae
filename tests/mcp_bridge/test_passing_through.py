"""What a tool server said arrives as it was said, in every protocol era on both sides."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway import Gateway, start_gateway
from tests.mcp_bridge.agents import connect, text_of
from tests.mcp_bridge.downstream.served import run_app
from tests.mcp_bridge.fronting import send
from tests.mcp_bridge.plain_server import PlainServer
from tests.peers.behind import activate, add_server

TOOL = {
    "name": "rich", "title": "Rich ünïcode 👋", "description": "All that a tool can say of itself",
    "inputSchema": {
        "type": "object", "properties": {"text": {"type": "string", "default": None, "x-vendor": {"a": [1, None]}}},
        "$defs": {"unused": {"type": "null"}},
    },
    "outputSchema": {"type": "object", "properties": {"a": {"type": ["array", "null"]}}, "x-vendor": 1},
    "annotations": {"readOnlyHint": True, "title": "Shown", "vendorHint": {"level": 3}, "other": None},
    "_meta": {"example.org/trace": {"k": None}, "n": 1.5},
}
RESULT = {
    "content": [
        {"type": "text", "text": "hello", "annotations": {"audience": ["user"], "vendor": 1}, "_meta": {"k": None},
         "vendor": [None]},
        {"type": "image", "data": "aGk=", "mimeType": "image/png"},
        {"type": "audio", "data": "aGk=", "mimeType": "audio/wav", "vendor": "x"},
        {"type": "resource_link", "uri": "demo://one", "name": "one", "icons": [{"src": "data:,", "vendor": 2}]},
        {"type": "resource", "resource": {"uri": "demo://one", "text": "first", "vendor": {}}},
    ],
    "structuredContent": {"a": [1, None], "nothing": None},
    "isError": False,
    "_meta": {"example.org/trace": "abc", "nothing": None},
    "vendor": {"nothing": None},
}
ERROR = {"content": [{"type": "text", "text": "no such file", "vendor": 1}], "isError": True}
POLICY = """
version: 1
rules:
  - {name: open, effect: allow, when: {server: open}}
"""
DROPPED = {"vendor"}  # of a result itself: MCP has a place for others' fields in _meta and in each block


@pytest.fixture(scope="module", params=[True, False], ids=["2026-behind", "2025-behind"])
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    server = PlainServer(modern=request.param)
    server.answers = {
        "tools/list": {"tools": [TOOL, {"name": "error", "inputSchema": {"type": "object"}}]},
        "tools/call": lambda params: RESULT if params["name"] == "rich" else ERROR,
    }
    with run_app(server) as url:
        gateway = start_gateway(tmp_path_factory.mktemp("peer"), env={"ATLAS_HOLD_SECONDS": "1"})
        try:
            for slug in ("open", "scored"):
                add_server(gateway, slug, "http", url=url)
            activate(gateway, POLICY)
            yield gateway
        finally:
            gateway.close()


def legacy(gateway: Gateway, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """A result as a client from before 2026-07-28 gets it, written by hand."""
    headers = {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream", **gateway.headers,
    }

    def post(body: dict[str, Any]) -> str:
        data = json.dumps({"jsonrpc": "2.0", **body}).encode()
        request = urllib.request.Request(f"{gateway.url}/mcp", data, headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            if session := response.headers.get("Mcp-Session-Id"):
                headers["Mcp-Session-Id"] = session
            return response.read().decode()

    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    post({"id": 1, "method": "initialize", "params": hello})
    post({"method": "notifications/initialized"})
    lines = post({"id": 2, "method": method, "params": params}).splitlines()
    return json.loads([line[5:] for line in lines if line.startswith("data:")][-1])["result"]


def ask(gateway: Gateway, era: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
    if era == "2025":
        return legacy(gateway, method, params)
    return send(gateway.url, gateway.agent_token, method, params)["result"]


eras = pytest.mark.parametrize("era", ["2025", "2026"])


@eras
def test_a_result_arrives_as_it_was_sent(peer: Gateway, era: str) -> None:
    result = ask(peer, era, "tools/call", {"name": "open__rich", "arguments": {}})
    reference = result["_meta"].pop("atlas/reference")
    result["_meta"].pop("io.modelcontextprotocol/serverInfo", None)
    result.pop("resultType", None)
    assert reference.startswith("evt_")
    assert result == {name: value for name, value in RESULT.items() if name not in DROPPED}


@eras
def test_a_tools_error_arrives_as_it_was_sent(peer: Gateway, era: str) -> None:
    result = ask(peer, era, "tools/call", {"name": "open__error", "arguments": {}})
    assert {name: result[name] for name in ERROR} == ERROR


@eras
def test_a_definition_arrives_with_one_more_parameter(peer: Gateway, era: str) -> None:
    tools = {tool["name"]: tool for tool in ask(peer, era, "tools/list", {})["tools"]}
    given = tools["open__rich"]
    reason = given["inputSchema"]["properties"].pop("governance_reason")
    assert reason["type"] == "string"
    assert given == {**TOOL, "name": "open__rich"}


@eras
def test_an_output_schema_admits_pending_review_where_a_call_may_wait(peer: Gateway, era: str) -> None:
    tools = {tool["name"]: tool for tool in ask(peer, era, "tools/list", {})["tools"]}
    schema = tools["scored__rich"]["outputSchema"]
    assert schema["type"] == "object"
    assert schema["anyOf"][0] == TOOL["outputSchema"]
    assert "reference" in schema["anyOf"][1]["required"]


@pytest.mark.parametrize("way", ["http-2025", "http-2026", "sse"])
async def test_the_sdks_client_accepts_pending_review_of_a_tool_with_an_output_schema(peer: Gateway, way: str) -> None:
    peer.python(
        "from governance import actions\nfrom governance.models import Team\n"
        "text = 'version: 1\\nrules:\\n  - {name: open, effect: allow, when: {server: open}}\\n"
        "  - {name: rest, effect: review}\\n'\n"
        "actions.activate_policy(actions.save_policy(Team.objects.default(), text))"
    )
    async with connect(peer.url, way, peer.agent_token) as agent:
        await agent.list_tools()
        waiting = await agent.call_tool("scored__rich", {"text": way})
        real = await agent.call_tool("open__rich", {"text": way})
    assert text_of(waiting).startswith("PENDING REVIEW")
    assert real.structured_content == RESULT["structuredContent"]
