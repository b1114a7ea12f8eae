"""A server that is down fails its own calls at once, and no others; it is tried again after a growing pause."""

import asyncio

import pytest

from governance.errors import DownstreamFailed, DownstreamUnknown
from mcp_bridge.downstream.remote import Endpoint
from mcp_bridge.downstream.remote.breaker import FAILURES, Breaker
from mcp_bridge.downstream.remote.faults import Unreachable
from tests.mcp_bridge.downstream.bounded import until
from tests.mcp_bridge.downstream.hostile import Exchange, Hostile, text_result


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("orders", clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.admit()
        breaker.failed(Unreachable("no route"))


def test_it_opens_after_failures_in_a_row(breaker):
    fail(breaker, FAILURES)
    with pytest.raises(DownstreamFailed, match=r"orders is down since .* the call was not sent\. Last error: no route"):
        breaker.admit()
    assert breaker.health.state == "down"
    assert breaker.health.is_open
    assert breaker.health.retry_at is not None


def test_a_success_in_between_starts_the_count_again(breaker):
    fail(breaker, FAILURES - 1)
    breaker.admit()
    breaker.succeeded()
    fail(breaker, FAILURES - 1)
    breaker.admit()
    assert not breaker.health.is_open


def test_after_the_pause_one_call_tries(breaker, clock):
    fail(breaker, FAILURES)
    clock.now += 1.1
    breaker.admit()
    with pytest.raises(DownstreamFailed):
        breaker.admit()
    breaker.succeeded()
    breaker.admit()
    assert breaker.health.state == "up"


def test_the_pause_grows_with_every_trial_that_fails_up_to_a_minute(breaker, clock):
    fail(breaker, FAILURES)
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        clock.now += pause - 0.01
        with pytest.raises(DownstreamFailed):
            breaker.admit()
        clock.now += 0.02
        fail(breaker)


def test_a_trial_that_was_given_up_leaves_the_way_to_the_next(breaker, clock):
    fail(breaker, FAILURES)
    clock.now += 1.1
    breaker.admit()
    breaker.gave_up()
    breaker.admit()


async def test_a_server_that_hangs_up_is_left_alone_and_others_go_on(pool):
    async def hang_up(exchange: Exchange) -> None:
        exchange.writer.close()

    async def work(exchange: Exchange) -> None:
        await exchange.result(text_result("done"))

    async with Hostile(hang_up).running() as broken, Hostile(work).running() as fine:
        bad = pool.connection(Endpoint(key="bad", kind="http", url=broken.url))
        for _ in range(FAILURES):
            with pytest.raises(DownstreamUnknown):
                await bad.call("act", {})
        with pytest.raises(DownstreamFailed, match="bad is down since"):
            await bad.call("act", {})
        assert broken.count("tools/call") == FAILURES
        good = pool.connection(Endpoint(key="good", kind="http", url=fine.url))
        assert not (await good.call("act", {})).is_error
        assert [pool.known()[key].health.state for key in ("bad", "good")] == ["down", "up"]


async def test_errors_of_tools_do_not_count(pool):
    async def refuse(exchange: Exchange) -> None:
        body = {"jsonrpc": "2.0", "id": exchange.id, "error": {"code": -32602, "message": "no"}}
        await exchange.answer(body)

    async with Hostile(refuse).running() as server:
        connection = pool.connection(Endpoint(key="strict", kind="http", url=server.url))
        for _ in range(FAILURES + 2):
            with pytest.raises(DownstreamFailed, match="Nothing was run"):
                await connection.call("act", {})
        assert server.count("tools/call") == FAILURES + 2
        assert connection.health.state == "up"


async def test_calls_of_one_server_are_bounded_and_so_is_their_queue(pool, monkeypatch):
    monkeypatch.setattr("mcp_bridge.downstream.remote.connection.MAX_CONCURRENT", 3)
    monkeypatch.setattr("mcp_bridge.downstream.remote.connection.MAX_WAITING", 2)
    here, most, go = 0, 0, asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        nonlocal here, most
        here += 1
        most = max(most, here)
        await go.wait()
        here -= 1
        await exchange.result(text_result("done"))

    async with Hostile(slow).running() as server:
        connection = pool.connection(Endpoint(key="narrow", kind="http", url=server.url))
        await connection.open()
        calls = [asyncio.create_task(connection.call("act", {})) for _ in range(8)]
        await until(lambda: here == 3 and sum(call.done() for call in calls) == 3)
        go.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
    words = [str(result) for result in results if isinstance(result, DownstreamFailed)]
    assert words == ["The tool server narrow is busy: 2 calls wait already. Nothing was sent."] * 3
    assert server.count("tools/call") == 5
    assert most == 3


async def test_a_call_waits_for_its_turn_no_longer_than_its_time(pool, monkeypatch):
    monkeypatch.setattr("mcp_bridge.downstream.remote.connection.MAX_CONCURRENT", 1)

    async def ask(exchange: Exchange) -> None:
        await exchange.stream(f"data: {question}\n\n")

    async def on_elicit(params: object) -> dict[str, str]:
        """A person who takes their time: it does not count against the call's."""
        await asyncio.Event().wait()
        return {}

    question = '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}'
    async with Hostile(ask, is_legacy=True).running() as server:
        connection = pool.connection(Endpoint(key="narrow", kind="http", url=server.url, timeout_seconds=0.5))
        await connection.open()
        first = asyncio.create_task(connection.call("act", {}, on_elicit=on_elicit))
        await until(lambda: server.count("tools/call"))
        with pytest.raises(DownstreamFailed, match=r"narrow is busy: no turn within 0\.5 seconds\. Nothing was sent"):
            await connection.call("act", {})
        assert not first.done()
        first.cancel()
        assert server.count("tools/call") == 1
