"""Servers that break, lie, stall or flood: each call ends with a clear word, is sent once, and takes little memory."""

import asyncio
import contextlib
import gzip
import json
import tracemalloc
from typing import Any

import pytest

from governance.errors import DownstreamFailed, DownstreamUnknown
from mcp_bridge.downstream.remote import Endpoint, Pool
from tests.mcp_bridge.downstream.hostile import Exchange, Hostile, text_result

FINE = text_result("done")


async def hang_up(exchange: Exchange) -> None:
    exchange.writer.close()


async def hang_up_in_the_headers(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Type: appl")
    exchange.writer.close()


async def hang_up_in_the_body(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
    exchange.writer.close()


async def hang_up_in_the_stream(exchange: Exchange) -> None:
    await exchange.stream("data: {\n")
    exchange.writer.close()


async def end_the_stream_early(exchange: Exchange) -> None:
    await exchange.stream(": nothing to say\n\n")
    await exchange.write(b"0\r\n\r\n")


async def never_answer(exchange: Exchange) -> None:
    pass


async def dribble_headers(exchange: Exchange) -> None:
    with contextlib.suppress(ConnectionError):
        for sign in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 5000:
            await exchange.write(bytes([sign]))
            await asyncio.sleep(0.01)


async def dribble_body(exchange: Exchange) -> None:
    with contextlib.suppress(ConnectionError):
        await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n")
        for _ in range(5000):
            await exchange.write(b" ")
            await asyncio.sleep(0.01)


async def dribble_comments(exchange: Exchange) -> None:
    with contextlib.suppress(ConnectionError):
        await exchange.stream()
        for _ in range(5000):
            await exchange.chunk(b": still there\n\n")
            await asyncio.sleep(0.01)


def answering(body: Any, **options: Any) -> Any:
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(body, **options)

    return answer


def resulting(result: Any) -> Any:
    async def answer(exchange: Exchange) -> None:
        await exchange.result(result)

    return answer


def failing(code: int, status: str = "200 OK") -> Any:
    async def answer(exchange: Exchange) -> None:
        body = {"jsonrpc": "2.0", "id": exchange.id, "error": {"code": code, "message": "no\nthank you"}}
        await exchange.answer(body, status=status)

    return answer


async def wrong_id(exchange: Exchange) -> None:
    await exchange.answer({"jsonrpc": "2.0", "id": 4711, "result": FINE})


async def boolean_id(exchange: Exchange) -> None:
    await exchange.answer({"jsonrpc": "2.0", "id": True, "result": FINE})


async def flood(exchange: Exchange) -> None:
    await exchange.stream()
    note = 'data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n' * 500
    with contextlib.suppress(ConnectionError):
        for _ in range(100):
            await exchange.chunk(note.encode())


async def html(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi")


async def brotli(exchange: Exchange) -> None:
    await exchange.answer(b"xxxx", headers="Content-Encoding: br\r\n")


async def garbled_gzip(exchange: Exchange) -> None:
    await exchange.answer(b"xxxx", headers="Content-Encoding: gzip\r\n")


def deep(levels: int) -> bytes:
    return b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"x":' + b"[" * levels + b"]" * levels + b"}}"


UNKNOWN: dict[str, tuple[Any, str]] = {
    "hangs up": (hang_up, "closed the connection before it answered"),
    "hangs up in the headers": (hang_up_in_the_headers, "the tool server|The tool server"),
    "hangs up in the body": (hang_up_in_the_body, "broke off"),
    "hangs up in the stream": (hang_up_in_the_stream, "broke off"),
    "ends the stream early": (end_the_stream_early, "ended its answer before the result"),
    "never answers": (never_answer, "no answer within 0.5 seconds"),
    "dribbles its headers": (dribble_headers, "no answer within 0.5 seconds"),
    "dribbles its body": (dribble_body, "no answer within 0.5 seconds"),
    "dribbles comments": (dribble_comments, "no answer within 0.5 seconds"),
    "floods with notifications": (flood, "more than 10,000 messages"),
    "answers no JSON": (answering(b"{nope"), "is not valid JSON"),
    "answers NaN": (answering(b'{"jsonrpc":"2.0","id":2,"result":{"content":[],"x":NaN}}'), "valid JSON"),
    "answers a number too large": (answering(b'{"jsonrpc":"2.0","id":2,"result":{"x":1e999}}'), "valid JSON"),
    "answers in Latin-1": (answering(b'{"jsonrpc":"2.0","id":2,"result":{"x":"\xe4"}}'), "valid JSON"),
    "answers deep JSON": (answering(deep(100)), "nested more than 34 levels"),
    "answers bottomless JSON": (answering(deep(100_000)), "nested too deeply"),
    "answers with another id": (wrong_id, "belongs to another request"),
    "answers with true as the id": (boolean_id, "belongs to another request"),
    "answers a list": (answering([1]), "is not a JSON-RPC message"),
    "answers without a result": (answering({"jsonrpc": "2.0", "id": 2}), "has no result|belongs to another"),
    "gives content that is no list": (resulting({"content": "text"}), "no list of content blocks"),
    "gives content without types": (resulting({"content": [{"text": "x"}]}), "no list of content blocks"),
    "gives isError as text": (resulting({"content": [], "isError": "yes"}), "wrong type"),
    "gives a task unasked": (resulting({"resultType": "task", "taskId": "1"}), "not asked for: task"),
    "answers HTML": (html, "answered with text/html instead of JSON"),
    "answers in Brotli": (brotli, "compressed as 'br'"),
    "answers garbled gzip": (garbled_gzip, "garbled"),
    "accepts without an answer": (answering(b"", status="202 Accepted"), "took the request"),
    "answers 500": (answering(b"oops", status="500 Internal Server Error"), "failed .HTTP 500"),
    "answers 503": (answering(b"", status="503 Service Unavailable"), "failed .HTTP 503"),
    "answers 408": (answering(b"", status="408 Request Timeout"), "failed .HTTP 408"),
    "sends on by 303": (answering(b"", status="303 See Other", headers="Location: /x\r\n"), "does not follow"),
    "breaks inside": (failing(-32603), "answered with an error: no thank you .code -32603"),
    "has an error of its own": (failing(-32000), "answered with an error"),
}
FAILED: dict[str, tuple[Any, str]] = {
    "redirects by 307": (
        answering(b"", status="307 Temporary Redirect", headers="Location: http://127.0.0.1:1/x?key=secret\r\n"),
        "redirects .HTTP 307. to http://127.0.0.1:1/x, which the gateway does not follow. Nothing was run",
    ),
    "wants credentials": (answering(b"", status="401 Unauthorized"), r"credentials .HTTP 401.\. Nothing was run"),
    "forbids": (answering(b"", status="403 Forbidden"), r"credentials .HTTP 403.\. Nothing was run"),
    "is not there": (answering(b"", status="404 Not Found"), "Nothing was run"),
    "has too much to do": (answering(b"", status="429 Too Many Requests"), "HTTP 429.* Nothing was run"),
    "does not know the tool": (failing(-32602), "no thank you .code -32602.* Nothing was run"),
    "does not know the method": (failing(-32601, "404 Not Found"), "code -32601.* Nothing was run"),
}


def endpoint(hostile: Hostile, **options: Any) -> Endpoint:
    return Endpoint(key="hostile", kind="http", url=hostile.url, **{"timeout_seconds": 20, **options})


@pytest.mark.parametrize("is_legacy", [False, True], ids=["2026-07-28", "2025-11-25"])
@pytest.mark.parametrize("what", UNKNOWN)
async def test_nobody_can_say_what_happened_and_the_call_is_sent_once(pool, what, is_legacy):
    on_call, words = UNKNOWN[what]
    seconds = 0.5 if "0.5 seconds" in words else 20
    async with Hostile(on_call, is_legacy=is_legacy).running() as hostile:
        connection = pool.connection(endpoint(hostile, timeout_seconds=seconds))
        with pytest.raises(DownstreamUnknown, match=words):
            await connection.call("act", {})
        assert hostile.count("tools/call") == 1


@pytest.mark.parametrize("is_legacy", [False, True], ids=["2026-07-28", "2025-11-25"])
@pytest.mark.parametrize("what", FAILED)
async def test_the_call_certainly_had_no_effect_and_is_sent_once(pool, what, is_legacy):
    on_call, words = FAILED[what]
    async with Hostile(on_call, is_legacy=is_legacy).running() as hostile:
        with pytest.raises(DownstreamFailed, match=words) as caught:
            await pool.connection(endpoint(hostile)).call("act", {})
        assert "secret" not in str(caught.value)
        assert hostile.count("tools/call") == 1


async def test_a_server_that_is_not_there_got_nothing(pool, unused_tcp_port):
    connection = pool.connection(Endpoint(key="gone", kind="http", url=f"http://127.0.0.1:{unused_tcp_port}/mcp"))
    with pytest.raises(DownstreamFailed, match=r"gone cannot be reached .* Nothing was sent"):
        await connection.call("act", {})
    assert connection.health.state == "down"


async def test_a_server_that_ends_between_two_calls_got_the_second_one_never(pool):
    async with Hostile(resulting(FINE)).running() as hostile:
        connection = pool.connection(endpoint(hostile))
        await connection.call("act", {})
    with pytest.raises((DownstreamFailed, DownstreamUnknown)):
        await connection.call("act", {})
    assert hostile.count("tools/call") == 1


async def test_a_server_that_closes_after_each_answer_loses_no_call(pool):
    async def answer_and_close(exchange: Exchange) -> None:
        await exchange.answer({"jsonrpc": "2.0", "id": exchange.id, "result": FINE}, headers="Connection: close\r\n")
        exchange.writer.close()

    async with Hostile(answer_and_close).running() as hostile:
        connection = pool.connection(endpoint(hostile))
        for _ in range(50):
            assert (await connection.call("act", {})).content == FINE["content"]
        assert hostile.count("tools/call") == 50


async def test_a_kept_connection_that_was_closed_unannounced_never_sends_a_call_twice(pool):
    async def answer_and_close(exchange: Exchange) -> None:
        await exchange.result(FINE)
        exchange.writer.close()

    outcomes = []
    async with Hostile(answer_and_close).running() as hostile:
        connection = pool.connection(endpoint(hostile))
        for _ in range(100):
            try:
                await connection.call("act", {})
                outcomes.append("done")
            except DownstreamUnknown:
                outcomes.append("unknown")
            except DownstreamFailed:
                outcomes.append("not sent")
    assert outcomes.count("done") <= hostile.count("tools/call") <= 100 - outcomes.count("not sent")


async def test_a_lost_session_is_opened_again_for_a_list(pool):
    async with Hostile(resulting(FINE), is_legacy=True).running() as hostile:
        connection = pool.connection(endpoint(hostile))
        await connection.list_tools()
        hostile.session = "s2"
        assert [tool.name for tool in await connection.list_tools()] == ["act"]
        assert hostile.count("initialize") == 2


async def test_a_call_in_a_lost_session_is_not_repeated_but_the_next_one_has_a_new_session(pool):
    async with Hostile(resulting(FINE), is_legacy=True).running() as hostile:
        connection = pool.connection(endpoint(hostile))
        await connection.call("act", {})
        hostile.session = "s2"
        with pytest.raises(DownstreamFailed, match=r"does not know the gateway's session any more\. Nothing was run"):
            await connection.call("act", {})
        assert hostile.count("tools/call") == 2
        await connection.call("act", {})
        assert (hostile.count("tools/call"), hostile.count("initialize")) == (3, 2)


async def test_an_unused_session_is_looked_at_before_a_call_is_entrusted_to_it(pool, monkeypatch):
    monkeypatch.setattr("mcp_bridge.downstream.remote.http.UNUSED_SECONDS", 0)
    async with Hostile(resulting(FINE), is_legacy=True).running() as hostile:
        connection = pool.connection(endpoint(hostile))
        await connection.list_tools()
        hostile.session = "s2"  # the server was started again
        await connection.call("act", {})
        assert (hostile.count("tools/call"), hostile.count("initialize")) == (1, 2)


async def test_a_server_that_goes_back_to_the_old_protocol_is_understood(pool):
    async with Hostile(resulting(FINE)).running() as hostile:
        connection = pool.connection(endpoint(hostile))
        await connection.list_tools()
        hostile.is_legacy = True

        async def only_old(exchange: Exchange) -> None:
            if exchange.headers.get("mcp-protocol-version") == "2026-07-28":
                return await exchange.answer(b"", status="400 Bad Request")
            await hostile.ordinary(exchange)

        hostile.on_any = only_old
        assert [tool.name for tool in await connection.list_tools()] == ["act"]
        assert connection.protocol_version == "2025-11-25"


async def test_a_broken_stream_is_resumed_from_its_last_event_without_asking_again(pool):
    asked: list[Any] = []

    async def break_off(exchange: Exchange) -> None:
        asked.append(exchange.id)
        await exchange.stream("retry: 1\nid: e1\ndata: \n\n")
        await exchange.write(b"0\r\n\r\n")

    async def go_on(exchange: Exchange) -> None:
        if exchange.message["method"] != "GET":
            await hostile.ordinary(exchange)
            return
        assert exchange.headers["last-event-id"] == "e1"
        await exchange.stream("data: " + json.dumps({"jsonrpc": "2.0", "id": asked[0], "result": FINE}) + "\n\n")

    async with Hostile(break_off, is_legacy=True).running() as hostile:
        hostile.on_any = go_on
        result = await pool.connection(endpoint(hostile)).call("act", {})
        assert result.content == FINE["content"]
        assert hostile.count("tools/call") == 1


async def test_a_broken_stream_that_cannot_be_resumed_leaves_the_call_unknown(pool):
    async def break_off(exchange: Exchange) -> None:
        await exchange.stream("retry: 1\nid: e1\ndata: \n\n")
        await exchange.write(b"0\r\n\r\n")
        await stack.aclose()  # nobody listens any more

    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(Hostile(break_off, is_legacy=True).running())
        with pytest.raises(DownstreamUnknown, match=r"ended its answer before the result|was lost"):
            await pool.connection(endpoint(server)).call("act", {})


def huge(block: str, count: int, tail: str) -> Any:
    """A result of many equal blocks, written piece by piece."""
    async def answer(exchange: Exchange) -> None:
        head = f'{{"jsonrpc":"2.0","id":{exchange.id},"result":{{"content":['
        size = len(head) + (len(block) + 1) * count - 1 + len(tail)
        with contextlib.suppress(ConnectionError):
            await exchange.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n{head}".encode()
            )
            piece = (block + ",") * 100
            for _ in range(count // 100 - 1):
                await exchange.write(piece.encode())
            await exchange.write(piece[:-1].encode() + tail.encode())

    return answer


async def test_a_huge_result_keeps_what_fits_and_its_error_flag(pool):
    block = '{"type":"text","text":"' + "x" * 1000 + '"}'
    async with Hostile(huge(block, 1000, '],"structuredContent":{},"isError":true}}')).running() as hostile:
        result = await pool.connection(endpoint(hostile, max_result_bytes=10_000)).call("act", {})
    assert result.content[:9] == [json.loads(block)] * 9
    assert "larger than the 10,000 bytes" in result.content[-1]["text"]
    assert len(json.dumps(result.as_json())) < 20_000
    assert result.is_error
    assert result.structured is None


async def test_an_endless_result_is_cut_and_takes_little_memory(pool):
    block = '{"type":"text","text":"' + "x" * 10_000 + '"}'
    async with Hostile(huge(block, 10_000, "]}}")).running() as hostile:  # 100 MB
        connection = pool.connection(endpoint(hostile, max_result_bytes=100_000))
        tracemalloc.start()
        result = await connection.call("act", {})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert "Its end was not read" in result.content[-1]["text"]
    assert peak < 8 * 1024 * 1024


async def test_a_bomb_counts_what_it_unpacks_to(pool):
    bomb = gzip.compress(b'{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"' + b"x" * 200_000_000)
    async with Hostile(answering(bomb, headers="Content-Encoding: gzip\r\n")).running() as hostile:
        connection = pool.connection(endpoint(hostile, max_result_bytes=100_000))
        tracemalloc.start()
        result = await connection.call("act", {})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert "cut this result" in result.content[-1]["text"]
    assert peak < 8 * 1024 * 1024


async def test_a_plainly_compressed_answer_is_read(pool):
    async def packed(exchange: Exchange) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": exchange.id, "result": FINE}).encode()
        await exchange.answer(gzip.compress(body), headers="Content-Encoding: gzip\r\n")

    async with Hostile(packed).running() as hostile:
        assert (await pool.connection(endpoint(hostile)).call("act", {})).content == FINE["content"]


async def test_an_event_without_end_is_cut(pool):
    async def endless(exchange: Exchange) -> None:
        begun = f'{{"jsonrpc":"2.0","id":{exchange.id},"result":{{"content":[{{"type":"text","text":"'
        await exchange.stream(f"data: {begun}")
        with contextlib.suppress(ConnectionError):
            for _ in range(2000):
                await exchange.chunk(b"y" * 10_000)

    async with Hostile(endless).running() as hostile:
        result = await pool.connection(endpoint(hostile, max_result_bytes=50_000)).call("act", {})
    assert result.content[0]["text"].startswith("yyyy")
    assert "cut this result" in result.content[1]["text"]


async def test_signs_that_no_database_keeps_are_replaced(pool):
    body = b'{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"a\\u0000b\\ud800c \\ud83d\\ude00"}]}}'

    async def answer(exchange: Exchange) -> None:
        await exchange.answer(body.replace(b"ID", str(exchange.id).encode()))

    async with Hostile(answer).running() as hostile:
        result = await pool.connection(endpoint(hostile)).call("act", {})
    assert result.content[0]["text"] == "a�b�c 😀"


async def test_what_is_written_wrongly_in_a_list_is_left_out(pool):
    async def lists(exchange: Exchange) -> None:
        if exchange.message["method"] == "tools/list":
            good = {"name": "act", "inputSchema": {"type": "object"}}
            await exchange.result({"tools": [{"name": ""}, {"name": "x" * 129, "inputSchema": {}}, good, "text", {
                "name": "bad", "inputSchema": {}, "annotations": [1],
            }]})
        else:
            await hostile.ordinary(exchange)

    async with Hostile(never_answer).running() as hostile:
        hostile.on_any = lists
        assert [tool.name for tool in await pool.connection(endpoint(hostile)).list_tools()] == ["act"]


async def test_a_list_that_never_ends_is_a_failure(pool):
    async def lists(exchange: Exchange) -> None:
        if exchange.message["method"] == "tools/list":
            cursor = str(hostile.count("tools/list"))
            await exchange.result({"tools": [{"name": f"t{cursor}", "inputSchema": {}}], "nextCursor": cursor})
        else:
            await hostile.ordinary(exchange)

    async with Hostile(never_answer).running() as hostile:
        hostile.on_any = lists
        with pytest.raises(DownstreamFailed, match="lists more than the gateway takes"):
            await pool.connection(endpoint(hostile)).list_tools()


async def test_a_call_that_asks_for_input_for_ever_ends(pool):
    asks = {"resultType": "input_required", "requestState": "again"}
    async with Hostile(resulting(asks)).running() as hostile:
        with pytest.raises(DownstreamUnknown, match="asked for input more than 10 times"):
            await pool.connection(endpoint(hostile)).call("act", {})
        assert hostile.count("tools/call") == 10


async def test_no_cookie_is_kept(pool: Pool):
    async def sets_cookie(exchange: Exchange) -> None:
        body = {"jsonrpc": "2.0", "id": exchange.id, "result": text_result(exchange.headers.get("cookie", "none"))}
        await exchange.answer(body, headers="Set-Cookie: a=b\r\n")

    async with Hostile(sets_cookie).running() as hostile:
        connection = pool.connection(endpoint(hostile))
        await connection.call("act", {})
        assert (await connection.call("act", {})).content[0]["text"] == "none"


async def test_a_server_that_refuses_an_answer_to_its_own_question_makes_the_call_unknown(pool):
    async def ask(exchange: Exchange) -> None:
        question = {"jsonrpc": "2.0", "id": 9, "method": "elicitation/create", "params": {}}
        await exchange.stream("data: " + json.dumps(question) + "\n\n")

    async def refuse_answers(exchange: Exchange) -> None:
        if "method" not in exchange.message:
            body = {"jsonrpc": "2.0", "id": None, "error": {"code": -32602, "message": "no such question"}}
            return await exchange.answer(body, status="400 Bad Request")
        await server.ordinary(exchange)

    async with Hostile(ask, is_legacy=True).running() as server:
        server.on_any = refuse_answers
        with pytest.raises(DownstreamUnknown, match="did not accept what the gateway told it"):
            await pool.connection(endpoint(server)).call("act", {})


async def test_a_huge_error_is_not_taken_for_a_result(pool):
    async def shout(exchange: Exchange) -> None:
        body = {"jsonrpc": "2.0", "id": exchange.id, "error": {"code": -32603, "message": "x" * 50_000}}
        await exchange.answer(body)

    async with Hostile(shout).running() as server:
        with pytest.raises(DownstreamUnknown, match="and no result"):
            await pool.connection(endpoint(server, max_result_bytes=10_000)).call("act", {})


async def test_what_belongs_to_the_agents_own_exchange_is_not_passed_on(pool):
    async def answer(exchange: Exchange) -> None:
        await exchange.result(text_result("done"))

    meta = {"progressToken": 7, "io.modelcontextprotocol/protocolVersion": "1", "traceparent": "00-1"}
    async with Hostile(answer, is_legacy=True).running() as server:
        await pool.connection(endpoint(server)).call("act", {}, meta=meta)
        assert server.seen[-1]["params"]["_meta"] == {"traceparent": "00-1"}


async def test_a_call_under_way_takes_the_time_that_a_person_needs_to_answer(pool):
    async def ask(exchange: Exchange) -> None:
        asking.append(exchange)
        question = {"jsonrpc": "2.0", "id": 9, "method": "elicitation/create", "params": {}}
        await exchange.stream("data: " + json.dumps(question) + "\n\n")

    async def go_on(exchange: Exchange) -> None:
        if "method" not in exchange.message:
            await exchange.answer(b"", status="202 Accepted")
            said = {"jsonrpc": "2.0", "id": asking[0].id, "result": text_result(exchange.message["result"]["action"])}
            return await asking[0].chunk(b"data: " + json.dumps(said).encode() + b"\n\n")
        await server.ordinary(exchange)

    async def on_elicit(params: Any) -> dict[str, Any]:
        started = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - started < 1:  # longer than the call itself may take
            await asyncio.sleep(0.05)
        return {"action": "accept"}

    asking: list[Exchange] = []
    async with Hostile(ask, is_legacy=True).running() as server:
        server.on_any = go_on
        connection = pool.connection(endpoint(server, timeout_seconds=0.7))
        await connection.open()
        assert (await connection.call("act", {}, on_elicit=on_elicit)).content[0]["text"] == "accept"
