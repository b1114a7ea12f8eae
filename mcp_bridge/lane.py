"""The lean lane: an allowed tools/call of 2026-07-28 is answered as JSON straight from ASGI, without the SDK.

Only what is plainly in order is answered here. Everything else, odd or merely different, is handed over untouched with
the body that was read, and the SDK says what it says: there is one place that words refusals.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from django.db import Error
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.inbound import InboundModernRoute, classify_inbound_request
from mcp_types import CLIENT_CAPABILITIES_META_KEY, SERVER_INFO_META_KEY, methods
from mcp_types.version import LATEST_MODERN_VERSION
from pydantic import ValidationError

from governance.errors import GovernanceError
from mcp_bridge import express, gate, present
from mcp_bridge.auth import Caller

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TASKS = "io.modelcontextprotocol/tasks"
_FIELDS = {"jsonrpc", "id", "method", "params"}
_PARAMS = {"name", "arguments", "_meta"}
_PLAIN, _TEXT = {"content", "isError"}, {"type", "text"}
_encode = json.JSONEncoder(separators=(",", ":")).encode
_VERSION, _METHOD = LATEST_MODERN_VERSION.encode(), b"tools/call"


def is_candidate(scope: Scope) -> bool:
    """A POST that says in its headers that it is a tools/call of 2026-07-28."""
    if scope["method"] != "POST":
        return False
    said = dict(scope["headers"])
    return said.get(b"mcp-method") == _METHOD and said.get(b"mcp-protocol-version") == _VERSION


class Lane:
    """`in_flight` counts the calls that the SDK's way counts, too."""

    def __init__(self, server: Server[Any], in_flight: "gate.InFlight", max_body_bytes: int) -> None:
        self._server_info = server.server_info_stamp
        self._in_flight, self._max_body_bytes = in_flight, max_body_bytes

    async def serve(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """None when the call was answered; else from where the SDK is to receive it. Raises express.TokenDead."""
        headers = _headers(scope["headers"])
        if headers is None or not _accepts_both(headers.get("accept", "")):
            return receive
        if not headers.get("content-type", "").lower().startswith("application/json"):
            return receive
        read: list[Message] = []
        body = await _body(receive, read, self._max_body_bytes)
        asked = _parse(body, headers) if body is not None else None
        ran = await self._attempt(caller, asked["params"]) if asked is not None else None
        if ran is None:
            return _replay(read, receive)
        await _send(send, {"jsonrpc": "2.0", "id": asked["id"], "result": await self._result(ran)})
        return None

    async def _attempt(self, caller: Caller, params: dict[str, Any]) -> express.Ran | None:
        call = gate.Call(caller, params["name"], params.get("arguments") or {}, params["_meta"])
        try:
            with self._in_flight.one_more(f"token:{caller.token_id}", caller.agent_id):
                return await express.attempt(call)
        except express.TokenDead:
            raise
        except (GovernanceError, Error):
            return None  # nothing was run; the long way has the words for it
        except Exception:  # the bridge's edge: what raises here has not been admitted
            log.exception("a call of %s by %s failed in the gateway", call.tool, caller.agent_name)
            return None

    async def _result(self, ran: express.Ran) -> dict[str, Any]:
        result = ran.returned.result if ran.has_result else None
        if result is None or not _is_valid(result):
            result = await _in_words(ran)
        meta = {**(result.get("_meta") or {}), present.REFERENCE: ran.call.reference}
        meta.setdefault(SERVER_INFO_META_KEY, self._server_info)
        return {**result, "_meta": meta, "resultType": "complete"}


async def _in_words(ran: express.Ran) -> dict[str, Any]:
    """The call was run: whatever fails now, it is not handed over to be run again."""
    try:
        answer = await express.answer(ran)
    except Error:
        answer = express.not_recorded(ran)
    return answer.model_dump(mode="json", by_alias=True, exclude_none=True)


def _is_valid(result: dict[str, Any]) -> bool:
    if result.keys() <= _PLAIN and all(
        block.keys() == _TEXT and block["type"] == "text" and type(block["text"]) is str for block in result["content"]
    ):
        return True
    try:
        types.CallToolResult.model_validate(result)
    except ValidationError:
        return False
    return True


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str] | None:
    """By name; None when one stands there twice."""
    pairs = list(pairs)
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}
    return found if len(found) == len(pairs) else None


def _accepts_both(accept: str) -> bool:
    """As the SDK asks of every client, whatever it is answered with."""
    kinds = {kind.partition(";")[0].strip().lower() for kind in accept.split(",")}
    return "*/*" in kinds or bool(
        kinds & {"application/json", "application/*"} and kinds & {"text/event-stream", "text/*"}
    )


async def _body(receive: Receive, read: list[Message], limit: int) -> bytes | None:
    """The whole body; None when it is too large or the client left. `read` keeps the messages."""
    size, more = 0, True
    while more:
        message = await receive()
        read.append(message)
        if message["type"] != "http.request":
            return None
        size += len(message.get("body", b""))
        if size > limit:
            return None
        more = message.get("more_body", False)
    return b"".join(message.get("body", b"") for message in read)


def _replay(read: list[Message], receive: Receive) -> Receive:
    waiting = iter(read)

    async def again() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return again


def _parse(body: bytes, headers: dict[str, str]) -> dict[str, Any] | None:
    """The request, if the SDK would serve it as it is and it asks for nothing but the result."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(asked, dict) or asked.keys() != _FIELDS or asked["jsonrpc"] != "2.0":
        return None
    request_id, params = asked["id"], asked["params"]
    if type(request_id) not in (str, int) or asked["method"] != "tools/call" or not isinstance(params, dict):
        return None
    if not params.keys() <= _PARAMS or not isinstance(params.get("arguments", {}), dict):
        return None
    if not isinstance(classify_inbound_request(asked, headers=headers), InboundModernRoute):
        return None
    if not isinstance(params.get("name"), str) or "progressToken" in params["_meta"]:
        return None
    if any(name.startswith("mcp-param-") for name in headers):
        return None
    try:
        methods.validate_client_request("tools/call", LATEST_MODERN_VERSION, params)
    except ValidationError:
        return None
    declared = params["_meta"][CLIENT_CAPABILITIES_META_KEY]
    # Such a client may be given a task, or a question that the tool has.
    return None if "elicitation" in declared or TASKS in (declared.get("extensions") or {}) else asked


async def _send(send: Send, answer: dict[str, Any]) -> None:
    content = _encode(answer).encode()
    await send({
        "type": "http.response.start", "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": content, "more_body": False})
