"""Clients that ask for far too much or write nonsense: a clear answer each, nothing lost, and others are served."""

import asyncio
import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.gateway import Gateway, start_gateway
from tests.mcp_bridge.downstream.hostile import Exchange, Hostile, text_result
from tests.mcp_bridge.fronting import send
from tests.peers.behind import activate, add_server

CALLS = 1_000
IN_FLIGHT = 16
MAX_OPEN = 20
MAX_GROWTH_MB = 150
POLICY = """
version: 1
rules:
  - {name: open, effect: allow, when: {tool: act}}
  - {name: careful, effect: review, when: {tool: careful}}
"""
TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("act", "careful")]
_ids = count(1)


@dataclass
class Stage:
    gateway: Gateway
    server: Hostile
    other_token: str

    @property
    def megabytes(self) -> float:
        status = Path(f"/proc/{self.gateway.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def rows(self) -> Counter[str]:
        """How many calls of the first agent stand where."""
        return Counter(json.loads(self.gateway.python(
            "import json\nfrom governance.models import GovernanceRequest\n"
            "rows = GovernanceRequest.objects.filter(agent__name='demo-agent')\n"
            "print(json.dumps(list(rows.values_list('status', flat=True))))"
        )))  # fmt: skip

    def is_served(self) -> bool:
        answer = send(self.gateway.url, self.other_token, "tools/call", {"name": "far__act", "arguments": {"n": 0}})
        return answer["result"]["content"][0]["text"] == "Done."


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    async def act(exchange: Exchange) -> None:
        await asyncio.sleep(0.05)  # long enough for calls to pile up
        await exchange.result(text_result("Done."))

    server = Hostile(on_call=act)

    async def on_any(exchange: Exchange) -> None:
        if exchange.message["method"] == "tools/list":
            await exchange.result({"tools": TOOLS})
        else:
            await server.ordinary(exchange)

    server.on_any = on_any
    ready, stop = threading.Event(), []

    async def serve() -> None:
        over = asyncio.Event()
        stop.extend((asyncio.get_running_loop(), over))
        async with server.running():
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    gateway = start_gateway(
        tmp_path_factory.mktemp(request.param), server=request.param,
        env={"ATLAS_HOLD_SECONDS": "0", "ATLAS_MAX_OPEN_REQUESTS_PER_AGENT": str(MAX_OPEN)},
    )
    try:
        add_server(gateway, "far", "http", url=server.url)
        activate(gateway, POLICY)
        token = gateway.python("from governance import actions\nprint(actions.create_agent('neighbour')[1])").strip()
        yield Stage(gateway, server, token)
    finally:
        gateway.close()
        stop[0].call_soon_threadsafe(stop[1].set)
        thread.join(20)


# -- a thousand calls -------------------------------------------------------------------------


def message(method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": params}


async def post(http: aiohttp.ClientSession, url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    async with http.post(f"{url}/mcp", json=body, headers=headers) as response:
        text = await response.text()
    if not text.lstrip().startswith("{"):
        text = [line for line in text.splitlines() if line.startswith("data:")][-1][5:]
    return json.loads(text)


async def modern(http: aiohttp.ClientSession, url: str, tool: str, number: int) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = message("tools/call", {"name": tool, "arguments": {"n": number}, "_meta": meta})
    return await post(http, url, body, {
        "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool,
    })  # fmt: skip


async def session(http: aiohttp.ClientSession, url: str) -> dict[str, str]:
    """The headers of a new session of 2025."""
    hello = message("initialize", {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "crowd", "version": "1"},
    })  # fmt: skip
    async with http.post(f"{url}/mcp", json=hello) as response:
        await response.read()
        headers = {"Mcp-Session-Id": response.headers["Mcp-Session-Id"], "MCP-Protocol-Version": "2025-11-25"}
    async with http.post(
        f"{url}/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers
    ) as response:
        await response.read()
    return headers


def crowd(stage: Stage) -> aiohttp.ClientSession:
    headers = {**stage.gateway.headers, "Accept": "application/json, text/event-stream"}
    return aiohttp.ClientSession(
        headers=headers, connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=120)
    )


def told(answers: list[dict[str, Any]], *, allowed: set[str]) -> Counter[str]:
    """How often which answer was given; every answer is the result or one of these refusals."""
    found: Counter[str] = Counter()
    for answer in answers:
        text = answer["result"]["content"][0]["text"]
        kinds = [kind for kind in allowed if kind in text]
        assert len(kinds) == 1, answer
        assert bool(answer["result"].get("isError")) is ("limit" in kinds[0])
        found[kinds[0]] += 1
    return found


TOO_MANY_IN_FLIGHT = "in flight, which is the limit. This call was not accepted"
TOO_MANY_OPEN = "open requests, which is the limit"


async def neighbours(stage: Stage, busy: "asyncio.Future[Any]") -> int:
    """How often another agent was served while the crowd was."""
    served = 0
    while not busy.done() or served < 3:
        assert await asyncio.to_thread(stage.is_served)
        served += 1
    return served


@pytest.mark.parametrize("sessions", [0, 20])  # far more than an agent may have in flight
def test_a_thousand_calls_at_once_get_a_result_or_a_refusal_each(stage: Stage, sessions: int) -> None:
    before, called, size = stage.rows(), stage.server.count("tools/call"), stage.megabytes

    async def run() -> tuple[list[dict[str, Any]], int]:
        async with crowd(stage) as http:
            url = stage.gateway.url
            if sessions:
                each = [await session(http, url) for _ in range(sessions)]
                bodies = [message("tools/call", {"name": "far__act", "arguments": {"n": n}}) for n in range(CALLS)]
                calls = [post(http, url, body, each[n % sessions]) for n, body in enumerate(bodies)]
            else:
                calls = [modern(http, url, "far__act", n) for n in range(CALLS)]
            busy = asyncio.gather(*calls)
            served = await neighbours(stage, busy)
            return await busy, served

    answers, served = asyncio.run(run())
    found = told(answers, allowed={"Done.", TOO_MANY_IN_FLIGHT})
    assert found.total() == CALLS and found["Done."] >= IN_FLIGHT
    rows = stage.rows()
    assert rows - before == Counter(succeeded=found["Done."])
    assert stage.server.count("tools/call") - called == found["Done."] + served
    assert stage.megabytes - size < MAX_GROWTH_MB


def test_of_calls_that_wait_for_people_as_many_are_accepted_as_an_agent_may_have_open(stage: Stage) -> None:
    async def run() -> list[dict[str, Any]]:
        async with crowd(stage) as http:
            return await asyncio.gather(*[modern(http, stage.gateway.url, "far__careful", n) for n in range(200)])

    found = told(asyncio.run(run()), allowed={"PENDING REVIEW", TOO_MANY_IN_FLIGHT, TOO_MANY_OPEN})
    waiting = sum(number for status, number in stage.rows().items() if status in ("received", "scoring", "in_review"))
    assert found["PENDING REVIEW"] == waiting <= MAX_OPEN


# -- nonsense ---------------------------------------------------------------------------------


def raw(stage: Stage, body: bytes, *, kind: str = "application/json", extra: bytes = b"") -> str:
    """The status line of what is answered to these bytes; empty when the connection was just closed."""
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{stage.gateway.port}\r\nContent-Type: {kind}\r\n"
        f"Authorization: Bearer {stage.gateway.agent_token}\r\nAccept: application/json, text/event-stream\r\n"
        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: far__act\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n"
    )
    with socket.create_connection(("127.0.0.1", stage.gateway.port), timeout=30) as connection:
        with contextlib.suppress(OSError):  # refused before it was read
            connection.sendall(head.encode() + extra + b"\r\n" + body)
        try:
            return connection.makefile("rb").readline().decode().strip()
        except ConnectionError:
            return ""


def wire(**params: Any) -> bytes:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    }
    return json.dumps(message("tools/call", {"name": "far__act", "_meta": meta, **params})).encode()


NESTED = b"[" * 200_000 + b"]" * 200_000
BODIES = {
    "too large": wire(arguments={"a": "x" * 2_000_000}),
    "deep": wire(arguments={"a": 1}).replace(b'{"a": 1}', b'{"a": ' + NESTED + b"}"),
    "nothing but depth": NESTED,
    "no UTF-8": wire(arguments={"a": "@"}).replace(b"@", b"\xff\xfe\xfd"),
    "half a character": wire(arguments={"a": "@"}).replace(b"@", rb"\ud800"),
    "cut off": wire(arguments={"a": 1})[:-3],
    "huge number": wire(arguments={"a": 1}).replace(b'"a": 1', b'"a": ' + b"9" * 100_000),
    "NaN": wire(arguments={"a": 1}).replace(b'"a": 1', b'"a": NaN'),
    "a list": b"[" + wire(arguments={}) + b"]",
    "null": b"null",
    "empty": b"",
    "arguments that are no object": wire(arguments=[1, 2]),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_makes_no_sense_is_refused_and_reaches_no_tool(stage: Stage, name: str) -> None:
    called, size = stage.server.count("tools/call"), stage.megabytes
    line = raw(stage, BODIES[name])
    assert line.startswith("HTTP/1.1 ") and line[9] in "24", line  # 200: a JSON-RPC error or a tool error
    assert stage.server.count("tools/call") == called
    assert stage.is_served() and stage.megabytes - size < MAX_GROWTH_MB


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/json; charset=utf-7", "x" * 3_000])
def test_another_content_type_is_answered(stage: Stage, kind: str) -> None:
    assert raw(stage, wire(arguments={}), kind=kind)[9:10] in {"2", "4"}
    assert stage.is_served()


@pytest.mark.parametrize(
    "extra", [b"X-Long: " + b"x" * 200_000 + b"\r\n", b"".join(b"X-%d: y\r\n" % n for n in range(20_000))],
    ids=["one long header", "many headers"],
)
def test_a_flood_of_headers_is_refused(stage: Stage, extra: bytes) -> None:
    called, size = stage.server.count("tools/call"), stage.megabytes
    line = raw(stage, wire(arguments={}), extra=extra)
    assert not line or line[9] == "4", line
    assert stage.server.count("tools/call") == called
    assert stage.is_served() and stage.megabytes - size < MAX_GROWTH_MB


def test_what_runs_of_a_key_given_twice_is_what_was_decided_on(stage: Stage) -> None:
    body = wire(arguments={"n": 1}).replace(b'{"n": 1}', b'{"n": 1, "n": 777777}')
    assert raw(stage, body).startswith("HTTP/1.1 200")
    ran = [each["params"]["arguments"] for each in stage.server.seen if each.get("method") == "tools/call"][-1]
    stored = stage.gateway.python(
        "from governance.models import GovernanceRequest\n"
        "print(GovernanceRequest.objects.filter(agent__name='demo-agent').order_by('received_at').last().arguments_json)"
    )
    assert json.loads(stored) == ran == {"n": 777777}


def test_connections_that_say_nothing_or_half_of_it_stop_nobody(stage: Stage) -> None:
    size, opened = stage.megabytes, []
    halves = [b"", b"POST /mcp HT", b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n{"]
    try:
        for number in range(300):
            opened.append(socket.create_connection(("127.0.0.1", stage.gateway.port), timeout=20))
            opened[-1].sendall(halves[number % 3])
        assert all(stage.is_served() for _ in range(10))
        assert stage.megabytes - size < MAX_GROWTH_MB
    finally:
        for connection in opened:
            connection.close()
    assert stage.is_served()
