"""One connection per endpoint and process, on one loop, for callers on that loop, on other loops and on threads."""

import asyncio
import threading

import pytest

from governance.errors import DownstreamFailed, DownstreamUnknown
from mcp_bridge.downstream.remote import Endpoint, Pool, at_home, home, run_sync, use_loop
from tests.mcp_bridge.downstream.everything import Everything
from tests.mcp_bridge.downstream.hostile import Exchange, Hostile, text_result
from tests.mcp_bridge.downstream.served import serving


async def work(exchange: Exchange) -> None:
    await exchange.result(text_result(exchange.headers.get("authorization", "none")))


def endpoint(hostile: Hostile, **options: object) -> Endpoint:
    return Endpoint(key="one", kind="http", url=hostile.url, **options)


async def test_equal_endpoints_share_a_connection_and_its_socket(pool):
    async with Hostile(work).running() as server:
        for _ in range(5):
            await pool.connection(endpoint(server)).call("act", {})
        assert server.count("server/discover") == 1
        assert server.connections == 1


async def test_a_changed_endpoint_gets_a_new_connection(pool):
    async with Hostile(work).running() as server:
        before = pool.connection(endpoint(server))
        await before.call("act", {})
        after = pool.connection(endpoint(server, headers=(("Authorization", "Bearer new"),)))
        assert after is not before
        assert (await after.call("act", {})).content[0]["text"] == "Bearer new"


async def test_a_call_under_way_outlives_the_change_of_its_endpoint(pool):
    go = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await go.wait()
        await work(exchange)

    async with Hostile(slow).running() as server:
        call = asyncio.create_task(pool.connection(endpoint(server)).call("act", {}))
        async with asyncio.timeout(20):
            while not server.count("tools/call"):
                await asyncio.sleep(0.01)
        pool.connection(endpoint(server, timeout_seconds=7))
        go.set()
        assert (await call).content[0]["text"] == "none"


async def test_a_closed_connection_sends_nothing_more(pool):
    async with Hostile(work).running() as server:
        connection = pool.connection(endpoint(server))
        await connection.call("act", {})
        await pool.close("one")
        with pytest.raises(DownstreamFailed, match=r"changed or removed\. Nothing was sent"):
            await connection.call("act", {})
        assert server.count("tools/call") == 1


async def test_many_first_calls_open_one_connection(pool):
    async with Hostile(work).running() as server:
        connection = pool.connection(endpoint(server))
        await asyncio.gather(*(connection.call("act", {}) for _ in range(30)))
        assert server.count("server/discover") == 1
        assert server.count("tools/call") == 30


async def test_a_caller_that_leaves_does_not_stop_the_opening_for_the_others(pool):
    go = asyncio.Event()

    async def late(exchange: Exchange) -> None:
        await go.wait()
        await server.ordinary(exchange)

    async with Hostile(work).running() as server:
        server.on_any = late
        connection = pool.connection(endpoint(server))
        first, second = (asyncio.create_task(connection.call("act", {})) for _ in range(2))
        async with asyncio.timeout(20):
            while not server.count("server/discover"):
                await asyncio.sleep(0.01)
        first.cancel()
        go.set()
        assert (await second).content[0]["text"] == "none"
        assert (server.count("server/discover"), server.count("tools/call")) == (1, 1)


def test_without_a_server_a_background_thread_runs_the_loop():
    use_loop(None)
    with serving(Everything(), "http-json") as url:
        pool = Pool()
        connection = pool.connection(Endpoint(key="thread", kind="http", url=url))
        assert run_sync(connection.call("echo", {"text": "hi"}), 30).content[0]["text"] == "hi"
        assert home() is not None
        run_sync(pool.close_all(), 30)


async def test_threads_call_over_the_servers_own_loop(pool):
    async with Hostile(work).running() as server:
        connection = pool.connection(endpoint(server))
        found = await asyncio.to_thread(lambda: run_sync(connection.call("act", {}), 30))
        assert found.content[0]["text"] == "none"


async def test_a_thread_does_not_wait_for_ever(pool):
    async def never(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    async with Hostile(never).running() as server:
        connection = pool.connection(endpoint(server))
        with pytest.raises(DownstreamUnknown, match=r"no answer within 0\.5 seconds"):
            await asyncio.to_thread(lambda: run_sync(connection.call("act", {}), 0.5))


async def test_the_loop_itself_must_not_wait_for_itself(pool):
    async with Hostile(work).running() as server:
        with pytest.raises(RuntimeError, match="await instead"):
            run_sync(pool.connection(endpoint(server)).call("act", {}), 1)


async def test_another_loop_awaits_too(pool):
    async with Hostile(work).running() as server:
        connection = pool.connection(endpoint(server))
        answers: list[str] = []

        async def elsewhere() -> None:
            answers.append((await at_home(connection.call("act", {}))).content[0]["text"])

        thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
        thread.start()
        await asyncio.to_thread(thread.join, 30)
        assert answers == ["none"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "http", "url": "ftp://x"}, "must begin with http"),
        ({"kind": "http", "url": "http://"}, "name a host"),
        ({"kind": "stdio"}, "needs a command"),
        ({"kind": "smoke"}, "no kind of tool server"),
        ({"kind": "http", "url": "http://x", "headers": (("A", "b\r\nC: d"),)}, "line break"),
        ({"kind": "http", "url": "http://x", "headers": (("A B", "c"),)}, "no name of a header"),
        ({"kind": "http", "url": "http://me:secret@x"}, "user name or password"),
        ({"kind": "http", "url": "http://x", "timeout_seconds": 0}, "time-out"),
        ({"kind": "stdio", "command": "a\0b"}, "NUL"),
    ],
)
def test_an_endpoint_that_cannot_work_is_refused_in_words(fields, words):
    with pytest.raises(ValueError, match=words):
        Endpoint(key="bad", **fields)


def test_an_endpoint_shows_no_secret():
    endpoint = Endpoint(
        key="k", kind="http", url="http://x/?token=s3cret", headers=(("Authorization", "s3cret"),),
        env=(("A", "s3cret"),), args=("--key=s3cret",),
    )
    assert "s3cret" not in repr(endpoint)
