"""Streamable HTTP against the official SDK's server, in both protocol eras and with both kinds of answers."""

import asyncio
from collections.abc import Iterator

import pytest

from governance.errors import DownstreamFailed, DownstreamUnknown
from mcp_bridge.downstream.remote import Connection, Endpoint, Pool
from tests.mcp_bridge.downstream.bounded import until
from tests.mcp_bridge.downstream.everything import MIRRORED, Everything
from tests.mcp_bridge.downstream.served import serving

MODERN, LEGACY = "2026-07-28", "2025-11-25"
VERSIONS = {
    "http": MODERN, "http-json": MODERN, "http-legacy": LEGACY, "http-legacy-json": LEGACY,
    "http-legacy-stateless": LEGACY,
}


@pytest.fixture
def everything() -> Everything:
    return Everything()


@pytest.fixture(params=VERSIONS)
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def url(everything: Everything, transport: str) -> Iterator[str]:
    with serving(everything, transport) as address:
        yield address


@pytest.fixture
async def connection(url: str, pool: Pool) -> Connection:
    return pool.connection(Endpoint(key="everything", kind="http", url=url, timeout_seconds=20))


async def test_nobody_can_say_what_a_tool_that_broke_did(connection, everything):
    with pytest.raises(DownstreamUnknown, match="everything answered with an error"):
        await connection.call("broken", {})
    assert everything.calls["broken"] == 1


# The two others have no way to learn of it: the SDK's JSON mode does not watch the connection, and a server without
# sessions cannot connect the notification with the call.
@pytest.mark.parametrize("transport", ["http", "http-legacy", "http-legacy-json"], indirect=True)
async def test_a_call_that_is_cancelled_is_cancelled_at_the_server(connection, everything, transport):
    call = asyncio.create_task(connection.call("slow", {"text": "mine"}))
    await until(lambda: everything.calls["slow"])
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: everything.cancelled == ["mine"])


async def test_a_call_without_an_answer_ends_unknown_and_is_not_repeated(url, pool, everything):
    connection = pool.connection(Endpoint(key="impatient", kind="http", url=url, timeout_seconds=1))
    await connection.open()
    with pytest.raises(DownstreamUnknown, match="no answer within 1 seconds"):
        await connection.call("slow", {})
    assert everything.calls["slow"] == 1


@pytest.mark.parametrize("transport", ["http-legacy"], indirect=True)
async def test_a_result_over_the_limit_is_cut_and_says_so(url, pool, everything):
    connection = pool.connection(Endpoint(key="small", kind="http", url=url, max_result_bytes=2000))
    result = await connection.call("count", {"answer": 9000})
    assert result.content[0]["text"].startswith("0 characters xxxxx")
    assert 2000 < len(result.content[0]["text"]) < 7000
    assert "cut this result: it is larger than the 2,000 bytes" in result.content[1]["text"]
    assert everything.calls["count"] == 1


@pytest.mark.parametrize("transport", ["http", "http-json"], indirect=True)
@pytest.mark.parametrize("knows", ["the list", "the schema"])
async def test_arguments_are_mirrored_into_the_headers_that_the_schema_names(connection, knows):
    if knows == "the list":
        await connection.list_tools()
    schema = MIRRORED if knows == "the schema" else None
    result = await connection.call("mirror", {"region": "Köln"}, input_schema=schema)
    assert result.content[0]["text"] == "=?base64?S8O2bG4=?="


@pytest.mark.parametrize("transport", ["http"], indirect=True)
async def test_headers_missing_for_want_of_the_schema_are_a_certain_failure(connection, everything):
    with pytest.raises(DownstreamFailed, match=r"Mcp-Param-Region.*-32020.* Nothing was run"):
        await connection.call("mirror", {"region": "Köln"})
    assert everything.calls["mirror"] == 0
