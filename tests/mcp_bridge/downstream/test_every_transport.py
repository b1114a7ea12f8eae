"""What holds for every tool server, whatever the transport and the protocol era: against the official SDK's server."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance.errors import DownstreamFailed
from mcp_bridge.downstream.remote import Connection, Endpoint, Pool
from tests.mcp_bridge.downstream.everything import ASK, BLOCKS, RESULT_META, TOOLS, Everything
from tests.mcp_bridge.downstream.served import serving

MODERN, LEGACY = "2026-07-28", "2025-11-25"
VERSIONS = {
    "http": MODERN, "http-json": MODERN, "http-legacy": LEGACY, "http-legacy-json": LEGACY,
    "http-legacy-stateless": LEGACY, "sse": LEGACY, "stdio": LEGACY,
}
ROOT = str(Path(__file__).parents[3])


@pytest.fixture(scope="module", params=VERSIONS)
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def endpoint(transport: str) -> Iterator[Endpoint]:
    if transport == "stdio":
        yield Endpoint(
            key="everything", kind="stdio", command=sys.executable, cwd=ROOT, timeout_seconds=20,
            args=("-m", "tests.mcp_bridge.downstream.everything"),
        )
        return
    with serving(Everything(), transport) as url:
        yield Endpoint(key="everything", kind="sse" if transport == "sse" else "http", url=url, timeout_seconds=20)


@pytest.fixture
async def connection(endpoint: Endpoint, pool: Pool) -> Connection:
    return pool.connection(endpoint)


async def test_it_finds_the_newest_protocol_that_the_server_speaks(connection, transport):
    opened = await connection.open()
    assert opened.protocol_version == connection.protocol_version == VERSIONS[transport]
    assert connection.server_info["name"] == "everything"
    assert connection.instructions == "Be kind."
    assert connection.capabilities["tools"] == {"listChanged": True}


async def test_every_page_of_tools_arrives_with_all_its_fields(connection):
    tools = await connection.list_tools()
    assert [tool.name for tool in tools] == list(TOOLS)
    assert tools[1].as_json() == {
        "name": "blocks", "title": "Blocks", "description": "Does blocks",
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
        "outputSchema": {"type": "object"}, "annotations": {"readOnlyHint": False}, "_meta": {"origin": "test"},
    }


async def test_a_result_arrives_as_the_server_gave_it(connection):
    result = await connection.call("blocks", {})
    assert result.as_json() == {
        "content": BLOCKS, "structuredContent": {"a": [1, None]}, "isError": False, "_meta": RESULT_META
    }


async def test_arguments_arrive_as_the_caller_gave_them(connection):
    result = await connection.call("echo", {"text": "Grüße \u2028 😀"})
    assert result.content[0]["text"] == "Grüße \u2028 😀"


async def test_an_error_of_the_tool_is_a_result(connection):
    result = await connection.call("error", {})
    assert result.is_error
    assert result.content == [{"type": "text", "text": "no such file"}]
    assert connection.health.state == "up"


async def test_invalid_parameters_had_no_effect(connection):
    with pytest.raises(DownstreamFailed, match=r"text must be short .*-32602.* Nothing was run"):
        await connection.call("invalid", {})


async def test_resources_and_prompts_arrive_as_plain_json(connection):
    assert await connection.list_resources() == [{"uri": "demo://one", "name": "one"}]
    assert (await connection.read_resource("demo://one"))["contents"] == [{"uri": "demo://one", "text": "first"}]
    assert await connection.list_prompts() == [{"name": "greet"}]
    prompt = await connection.get_prompt("greet", {"who": "Ada"})
    assert prompt["messages"][0]["content"]["text"] == "Greet Ada"


async def test_what_the_server_does_not_offer_is_a_failure_in_words(connection):
    with pytest.raises(DownstreamFailed, match="refused resources/templates/list"):
        await connection.list_resource_templates()


@pytest.mark.parametrize("transport", ["http", "http-legacy", "sse", "stdio"], indirect=True)
async def test_progress_arrives_while_the_tool_runs(connection):
    heard: list[Any] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, total, message))

    assert (await connection.call("progress", {}, on_progress=on_progress)).content[0]["text"] == "done"
    assert heard == [(1, 2, "half way"), (2, 2, "there")]


@pytest.mark.parametrize("transport", ["http", "http-json", "http-legacy", "sse", "stdio"], indirect=True)
async def test_a_question_of_the_tool_reaches_the_caller(connection):
    asked: list[Any] = []

    async def on_elicit(params: Any) -> dict[str, Any]:
        asked.append(params)
        return {"action": "accept", "content": {"name": "Ada"}}

    result = await connection.call("ask", {}, on_elicit=on_elicit)
    assert result.content[0]["text"] == "accept Ada"
    assert [(params["message"], params["requestedSchema"]) for params in asked] == [("Who?", ASK)]


@pytest.mark.parametrize("transport", ["http", "http-json", "http-legacy", "sse", "stdio"], indirect=True)
async def test_a_question_that_nobody_can_answer_is_declined(connection):
    assert (await connection.call("ask", {})).content[0]["text"] == "decline"


@pytest.mark.parametrize("transport", ["http", "http-legacy", "sse", "stdio"], indirect=True)
async def test_a_caller_that_fails_to_ask_cancels_the_question(connection):
    async def on_elicit(params: Any) -> dict[str, Any]:
        raise RuntimeError("the client is gone")

    assert (await connection.call("ask", {}, on_elicit=on_elicit)).content[0]["text"] == "cancel"


@pytest.mark.parametrize("transport", ["http-legacy", "sse", "stdio"], indirect=True)
async def test_sampling_is_refused(connection):
    said = (await connection.call("sample", {})).content[0]["text"]
    assert said == "refused: This gateway does not offer sampling/createMessage to tool servers."


@pytest.mark.parametrize("transport", ["http", "http-legacy", "sse", "stdio"], indirect=True)
async def test_a_changed_list_is_announced(connection, changes):
    async with asyncio.timeout(20):
        while ("everything", "tools") not in changes:  # the stream of changes opens beside the first calls
            await connection.call("change", {})
