"""A thousand calls over connections that drop at any point: no call reaches the server twice, no outcome is a lie."""

import asyncio
import random

import pytest

from governance.errors import DownstreamFailed, DownstreamUnknown
from mcp_bridge.downstream.remote import Endpoint
from tests.mcp_bridge.downstream.hostile import Exchange, Hostile, text_result

CALLS, AT_ONCE = 1000, 32


@pytest.mark.parametrize("is_legacy", [False, True], ids=["2026-07-28", "2025-11-25"])
async def test_what_is_reported_is_what_the_server_did(pool, monkeypatch, is_legacy):
    monkeypatch.setattr("mcp_bridge.downstream.remote.breaker.FAILURES", CALLS)  # every call is to be tried
    chance = random.Random(4711)
    acted: list[int] = []

    async def act(exchange: Exchange) -> None:
        point = chance.random()
        if point < 0.05:
            return exchange.writer.close()
        acted.append(exchange.message["params"]["arguments"]["number"])
        if point < 0.10:
            return exchange.writer.close()
        if point < 0.15:
            await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{")
            return exchange.writer.close()
        if point < 0.20:
            return await exchange.answer(b"", status="503 Service Unavailable")
        if is_legacy and point < 0.22:
            acted.pop()
            server.session += "x"  # every session is lost
            return await exchange.answer(b"", status="404 Not Found")
        await exchange.result(text_result("done"))
        if point < 0.40:
            exchange.writer.close()  # while the next call may be on its way

    async with Hostile(act, is_legacy=is_legacy).running() as server:
        connection = pool.connection(Endpoint(key="shaky", kind="http", url=server.url, timeout_seconds=20))
        await connection.open()
        turns = asyncio.Semaphore(AT_ONCE)
        outcomes: dict[int, str] = {}

        async def call(number: int) -> None:
            async with turns:
                try:
                    await connection.call("act", {"number": number})
                    outcomes[number] = "done"
                except DownstreamFailed:
                    outcomes[number] = "failed"
                except DownstreamUnknown:
                    outcomes[number] = "unknown"

        await asyncio.gather(*(call(number) for number in range(CALLS)))

    assert len(outcomes) == CALLS
    assert len(acted) == len(set(acted))
    assert {number for number, outcome in outcomes.items() if outcome == "done"} <= set(acted)
    assert not {number for number, outcome in outcomes.items() if outcome == "failed"} & set(acted)
    assert {"done", "unknown"} <= set(outcomes.values())
