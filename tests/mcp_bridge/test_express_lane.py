"""The lean lane answers what is plainly in order as the SDK would, and hands everything odd to it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from governance.models import GovernanceRequest
from governance.states import Status
from governance.toolservers import ToolResult
from mcp_bridge import asgi
from mcp_bridge.lane import Lane
from tests.mcp_bridge.lanes import HEADERS, META, Posted, call, in_thread, make_caller, post
from tests.toolservers import Scripted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scripted(settings: Any) -> type[Scripted]:
    settings.TOOL_SERVERS = {"welfare": "tests.toolservers.Scripted"}
    settings.HOLD_SECONDS = 0
    Scripted.answers.clear()
    Scripted.calls.clear()
    return Scripted


@pytest.fixture
async def token(scripted: type[Scripted]) -> AsyncIterator[str]:
    await asgi.start()
    _, made = await in_thread(make_caller)
    yield made
    await asgi.stop()


def without(headers: dict[str, str], *names: str, **others: str) -> dict[str, str]:
    kept = {name: value for name, value in headers.items() if name not in names}
    return {**kept, **{name.replace("_", "-"): value for name, value in others.items()}}


def meta(**fields: Any) -> dict[str, Any]:
    return call(_meta={**META, **fields})


NO_NAME = {**call(), "params": {"arguments": {}, "_meta": META}}
ODD: dict[str, tuple[Any, Any]] = {
    "as it should be": (call(), HEADERS),
    "no arguments": ({**call(), "params": {"name": "echo", "_meta": META}}, HEADERS),
    "a text for an id": ({**call(), "id": "seven"}, HEADERS),
    "an id that is null": ({**call(), "id": None}, HEADERS),
    "an id that is true": ({**call(), "id": True}, HEADERS),
    "a fraction for an id": ({**call(), "id": 1.5}, HEADERS),
    "no id": ({"jsonrpc": "2.0", "method": "tools/call", "params": call()["params"]}, HEADERS),
    "another jsonrpc": ({**call(), "jsonrpc": "1.0"}, HEADERS),
    "a field more": ({**call(), "more": 1}, HEADERS),
    "a parameter more": (call(task={"ttl": 1}), HEADERS),
    "a batch": ([call(), call()], HEADERS),
    "no JSON": (b"{", HEADERS),
    "an empty body": (b"", HEADERS),
    "too deep": (b"[" * 100_000, HEADERS),
    "not UTF-8": (b'{"a": "\xff"}', HEADERS),
    "no _meta": ({**call(), "params": {"name": "echo", "arguments": {"text": "a"}}}, HEADERS),
    "_meta is a list": (call(_meta=[]), HEADERS),
    "no capabilities": (call(_meta={"io.modelcontextprotocol/protocolVersion": "2026-07-28"}), HEADERS),
    "capabilities of a wrong type": (meta(**{"io.modelcontextprotocol/clientCapabilities": 3}), HEADERS),
    "another version in the body": (meta(**{"io.modelcontextprotocol/protocolVersion": "2025-11-25"}), HEADERS),
    "another version in the header": (call(), without(HEADERS, mcp_protocol_version="2030-01-01")),
    "another method in the header": (call(), without(HEADERS, mcp_method="tools/list")),
    "no method in the header": (call(), without(HEADERS, "mcp-method")),
    "another name in the header": (call(), without(HEADERS, mcp_name="another")),
    "no name in the header": (call(), without(HEADERS, "mcp-name")),
    "a name twice in the header": (call(), [*HEADERS.items(), ("mcp-name", "echo")]),
    "a name in base64": (call(), without(HEADERS, mcp_name="=?base64?ZWNobw==?=")),
    "a name in broken base64": (call(), without(HEADERS, mcp_name="=?base64?ZWNo?=")),
    "no name in the body": (NO_NAME, HEADERS),
    "an unknown tool": (call(name="nothing"), without(HEADERS, mcp_name="nothing")),
    "arguments that do not fit": (call(arguments={"text": 3}), HEADERS),
    "arguments that are a list": (call(arguments=[]), HEADERS),
    "a reason that is no text": (call(arguments={"text": "a", "governance_reason": 3}), HEADERS),
    "JSON only": (call(), without(HEADERS, accept="application/json")),
    "anything": (call(), without(HEADERS, accept="*/*")),
    "no accept": (call(), without(HEADERS, "accept")),
    "another content type": (call(), without(HEADERS, content_type="text/plain")),
    "no content type": (call(), without(HEADERS, "content-type")),
    "too large": (call("x" * 1_100_000), HEADERS),
    "a foreign host": (call(), without(HEADERS, host="evil.example")),
    "a foreign origin": (call(), without(HEADERS, origin="https://evil.example")),
}


def comparable(answer: Posted) -> Any:
    """Status, kind and body, without the reference and the words around it."""
    if answer.content_type != "application/json" or not answer.json:
        return answer.status, answer.content_type, answer.body
    body = answer.json
    if "_meta" in body.get("result", {}):
        body["result"]["_meta"].pop("atlas/reference", None)
    return answer.status, answer.content_type, body


@pytest.mark.parametrize("odd", ODD)
async def test_it_answers_as_the_sdk_does(odd: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body, headers = ODD[odd]
    by_lane = await post(token, body, headers)
    monkeypatch.setattr(asgi, "is_candidate", lambda scope: False)
    by_sdk = await post(token, body, headers)
    assert comparable(by_lane) == comparable(by_sdk)


async def test_an_allowed_call_needs_no_sdk(
    token: str, scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(asgi, "_route")
    scripted.answers["echo"] = lambda arguments: ToolResult([{"type": "text", "text": arguments["text"]}], {"n": None})
    answer = await post(token, call("é"))
    request = await in_thread(GovernanceRequest.objects.get)
    assert answer.status == 200
    assert (request.status, request.policy_effect) == (Status.SUCCEEDED, "allow")
    assert answer.result["content"] == [{"type": "text", "text": "é"}]
    assert answer.result["structuredContent"] == {"n": None}
    assert answer.result["_meta"]["atlas/reference"] == request.reference
    assert answer.json["id"] == 7


async def test_a_call_that_wants_progress_goes_to_the_sdk_and_runs_once(
    token: str, scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Any] = []
    serve = Lane.serve

    async def watched(*args: Any) -> Any:
        served.append(await serve(*args))
        return served[-1]

    monkeypatch.setattr(Lane, "serve", watched)
    answer = await post(token, meta(progressToken=1))
    assert served != [None]
    assert answer.result["content"] == [{"type": "text", "text": "Done."}]
    assert scripted.calls == [("echo", {"text": "hello"})]
    request = await in_thread(GovernanceRequest.objects.get)
    assert request.status == Status.SUCCEEDED


async def test_the_reason_of_a_call_is_kept_and_not_passed_on(token: str, scripted: type[Scripted]) -> None:
    await post(token, call(arguments={"text": "a", "governance_reason": "The user asked."}))
    request = await in_thread(GovernanceRequest.objects.get)
    assert request.stated_reason == "The user asked."
    assert scripted.calls == [("echo", {"text": "a"})]


async def test_an_answer_that_is_no_mcp_result_is_told_and_not_repeated(token: str, scripted: type[Scripted]) -> None:
    scripted.answers["echo"] = lambda arguments: ToolResult([{"type": "text"}])
    answer = await post(token, call())
    assert answer.result["isError"]
    assert "not a valid MCP result" in json.dumps(answer.json)
    assert len(scripted.calls) == 1


async def test_calls_at_once_are_capped_as_those_of_the_sdk(
    token: str, scripted: type[Scripted], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAX_CALLS_IN_FLIGHT = 1
    caller = await asgi.callers.find(token)
    with asgi._calls.one_more(f"token:{caller.token_id}", caller.agent_id):
        answer = await post(token, call())
    assert answer.result["isError"]
    assert "already in flight" in json.dumps(answer.json)
    assert not scripted.calls
