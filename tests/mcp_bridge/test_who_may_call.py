"""Tokens, sessions, Host and Origin, sizes: what is refused, and how clearly."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.shared.auth import ProtectedResourceMetadata

from tests.gateway import Gateway, start_gateway
from tests.mcp_bridge.agents import WAIT_SECONDS, WAYS, Held, connect

PATHS = ["/mcp", "/mcp/", "/mcp/sse", "/mcp/messages/?session_id=" + "0" * 32, "/mcp/messages?session_id=1"]
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=gateway.url, timeout=WAIT_SECONDS) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["none", "wrong", "reviewer", "basic", "empty", "long"])
def test_only_an_agents_token_opens_anything(gateway: Gateway, http: httpx2.Client, path: str, kind: str) -> None:
    value = {
        "none": None, "wrong": "Bearer atlas_agt_" + "x" * 43, "reviewer": f"Bearer {gateway.api_token}",
        "basic": f"Basic {gateway.agent_token}", "empty": "Bearer", "long": "Bearer " + "y" * 5000,
    }[kind]
    headers = {**ACCEPT, **({"Authorization": value} if value else {})}
    answer = http.request("GET" if path == "/mcp/sse" else "POST", path, headers=headers)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert f'resource_metadata="{gateway.url}/.well-known/oauth-protected-resource/mcp"' in (
        answer.headers["www-authenticate"]
    )
    assert answer.json()["error"] == "invalid_token"


def test_the_protected_resource_is_described(gateway: Gateway, http: httpx2.Client) -> None:
    answer = http.get("/.well-known/oauth-protected-resource/mcp")
    document = ProtectedResourceMetadata.model_validate_json(answer.content)
    assert str(document.resource) == f"{gateway.url}/mcp"
    assert document.scopes_supported == ["mcp"]
    assert document.bearer_methods_supported == ["header"]


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_host_or_origin_is_refused_before_anything_else(http: httpx2.Client, path: str) -> None:
    method = "GET" if path == "/mcp/sse" else "POST"
    assert http.request(method, path, headers={"Host": "evil.example"}).status_code == 421
    assert http.request(method, path, headers={"Origin": "https://evil.example"}).status_code == 403


@pytest.mark.parametrize("path", ["/mcp", "/mcp/messages/?session_id=" + "0" * 32])
def test_a_body_over_one_mebibyte_is_refused(gateway: Gateway, http: httpx2.Client, path: str) -> None:
    answer = http.post(path, headers=gateway.headers, content=b" " * (1024 * 1024 + 1))
    assert answer.status_code == 413
    assert "1,048,576" in answer.json()["error"]


def test_a_body_without_a_declared_length_is_refused_too(gateway: Gateway, http: httpx2.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 65536

    headers = {**gateway.headers, **ACCEPT, "Content-Type": "application/json"}
    assert http.post("/mcp", headers=headers, content=chunks()).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/mcp/sse", 405), ("GET", "/mcp/messages/", 405), ("GET", "/mcp/other", 404)],
)
def test_other_methods_and_paths_are_refused(
    gateway: Gateway, http: httpx2.Client, method: str, path: str, status: int
) -> None:
    assert http.request(method, path, headers=gateway.headers).status_code == status


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b'"text"', b'{"jsonrpc":"2.0"}', b"\xff\xfe"])
@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28", "1999-01-01"])
def test_nonsense_is_a_client_error(gateway: Gateway, http: httpx2.Client, body: bytes, version: str) -> None:
    headers = {**gateway.headers, **ACCEPT, "Content-Type": "application/json", "MCP-Protocol-Version": version}
    answer = http.post("/mcp", headers=headers, content=body)
    assert 400 <= answer.status_code < 500
    assert b"Traceback" not in answer.content


def test_a_session_belongs_to_the_token_that_opened_it(gateway: Gateway, http: httpx2.Client) -> None:
    other = json.loads(gateway.python(_NEW_AGENT))["token"]
    headers = {**ACCEPT, "Content-Type": "application/json"}
    opened = http.post("/mcp", headers={**headers, **gateway.headers}, json=INITIALIZE)
    session = {"mcp-session-id": opened.headers["mcp-session-id"]}
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert http.post("/mcp", headers={**headers, **session, **gateway.headers}, json=call).status_code == 200
    foreign = {"Authorization": f"Bearer {other}"}
    assert http.post("/mcp", headers={**headers, **session, **foreign}, json=call).status_code == 404
    with http.stream("GET", "/mcp/sse", headers=gateway.headers) as stream:
        lines = stream.iter_lines()  # kept: a collected iterator closes the stream
        endpoint = _endpoint(lines)
        assert http.post(endpoint, headers={**headers, **foreign}, json=INITIALIZE).status_code == 404
        assert http.post(endpoint, headers={**headers, **gateway.headers}, json=INITIALIZE).status_code == 202


def _endpoint(lines: Iterator[str]) -> str:
    return next(line for line in lines if line.startswith("data: ")).removeprefix("data: ")


_NEW_AGENT = """
import json, uuid
from governance import actions
agent, token = actions.create_agent("agent-" + uuid.uuid4().hex)
print(json.dumps({"token": token, "id": agent.pk}))
"""


async def test_an_agent_cannot_ask_about_anothers_request(gateway: Gateway) -> None:
    other = json.loads(await asyncio.to_thread(gateway.python, _NEW_AGENT))["token"]
    async with connect(gateway.url, "http-2026", gateway.agent_token) as agent:
        mine = await agent.call_tool("check_payment_status", {"beneficiary_id": "BEN-101"})
    reference = mine.meta["atlas/reference"]
    async with connect(gateway.url, "http-2026", other) as agent:
        answer = await agent.call_tool("check_status", {"reference": reference})
        invented = await agent.call_tool("check_status", {"reference": "evt_0000000000000000"})
    assert answer.is_error
    assert answer.content[0].text.replace(reference, "X") == invented.content[0].text.replace(
        "evt_0000000000000000", "X"
    )


@pytest.mark.parametrize("scopes", ["[]", "['other']", "'mcp'"])
def test_a_token_without_the_scope_is_told_so(gateway: Gateway, http: httpx2.Client, scopes: str) -> None:
    token = gateway.python(f"""
from governance import actions
from governance.models import Agent
print(actions.issue_agent_token(Agent.objects.get(name="demo-agent"), scopes={scopes}))
""").strip()
    answer = http.post("/mcp", headers={"Authorization": f"Bearer {token}"}, json=INITIALIZE)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_an_expired_token_is_no_token(gateway: Gateway, http: httpx2.Client) -> None:
    token = gateway.python("""
from django.utils import timezone
from governance import actions
from governance.models import Agent
print(actions.issue_agent_token(Agent.objects.get(name="demo-agent"), expires_at=timezone.now()))
""").strip()
    assert http.post("/mcp", headers={"Authorization": f"Bearer {token}"}, json=INITIALIZE).status_code == 401


def test_the_use_of_a_token_is_noted(gateway: Gateway, http: httpx2.Client) -> None:
    http.post("/mcp", headers={**gateway.headers, **ACCEPT}, json=INITIALIZE)
    shown = gateway.python("""
import time
from governance.models import AgentToken
end = time.monotonic() + 20
while (used := AgentToken.objects.order_by("id").first().last_used_at) is None and time.monotonic() < end:
    time.sleep(0.05)
print(used)
""")
    assert shown.strip() != "None"


# -- at the cap, and when a token dies ---------------------------------------------------------


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = start_gateway(
        tmp_path_factory.mktemp("narrow"), env={"ATLAS_MAX_CALLS_IN_FLIGHT": "2", "ATLAS_HOLD_SECONDS": "30"}
    )
    yield running
    running.close()


def _extension(number: int, way: str) -> dict[str, Any]:
    return {"beneficiary_id": "BEN-108", "reason": f"Call {number} over {way}"}


@pytest.mark.parametrize("way", WAYS)
async def test_calls_beyond_the_cap_are_refused_while_others_are_held(narrow: Gateway, way: str) -> None:
    async with connect(narrow.url, way, narrow.agent_token) as agent:
        held = [Held(agent, "request_payment_extension", _extension(number, way)) for number in range(2)]
        references = [await one.reference() for one in held]
        refused = await agent.call_tool("request_payment_extension", _extension(3, way))
        status = await agent.call_tool("check_status", {"reference": references[0]})
        for reference in references:
            while (await asyncio.to_thread(narrow.decide, reference, "REJECTED"))[0] != 200:
                await asyncio.sleep(0.05)
        for one in held:
            await one.result()
        after = await agent.call_tool("check_payment_status", {"beneficiary_id": "BEN-108"})
    assert refused.is_error
    assert "2 calls of this session are already in flight" in refused.content[0].text
    assert not status.is_error
    assert not after.is_error


_KILL = {
    "revoked": "actions.revoke_token(token)",
    "expired": "type(token).objects.filter(pk=token.pk).update(expires_at=timezone.now())",
}


@pytest.mark.parametrize("death", _KILL)
def test_a_dead_token_closes_its_streams_and_no_others(gateway: Gateway, http: httpx2.Client, death: str) -> None:
    """Done by another process and without Redis: what closes them is the look at the tokens every five seconds."""
    token = json.loads(gateway.python(_NEW_AGENT))["token"]
    dying = {"Authorization": f"Bearer {token}"}
    session = http.post("/mcp", headers={**dying, **ACCEPT}, json=INITIALIZE).headers["mcp-session-id"]
    with (
        http.stream("GET", "/mcp/sse", headers=gateway.headers) as living,
        http.stream("GET", "/mcp/sse", headers=dying) as stream,
        http.stream("GET", "/mcp", headers={**dying, **ACCEPT, "mcp-session-id": session}) as notifications,
    ):
        living_lines, lines = living.iter_lines(), stream.iter_lines()
        endpoint = _endpoint(living_lines)
        _endpoint(lines)
        gateway.python(f"""
from django.utils import timezone
from governance import actions
from governance.models import AgentToken
token = AgentToken.objects.usable({token!r}).get()
{_KILL[death]}
""")
        for _ in lines:  # ends when the server closes the stream; the client's read time-out bounds it
            pass
        for _ in notifications.iter_lines():
            pass
        assert http.post(endpoint, headers=gateway.headers, json=INITIALIZE).status_code == 202
    assert http.post("/mcp", headers=dying, json=INITIALIZE).status_code == 401


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of a process from /proc")
def test_a_huge_body_takes_no_memory(gateway: Gateway, http: httpx2.Client) -> None:
    """daphne would read all of it before the gateway is asked; 200 MiB must not show."""

    def peak_kib() -> int:
        status = Path(f"/proc/{gateway.process.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])

    before = peak_kib()
    with suppress(httpx2.TransportError):  # uvicorn hangs up while the client still sends
        answer = http.post("/mcp", headers={**gateway.headers, **ACCEPT}, content=(b" " * 65536 for _ in range(3200)))
        assert answer.status_code == 413
    assert peak_kib() - before < 50 * 1024
