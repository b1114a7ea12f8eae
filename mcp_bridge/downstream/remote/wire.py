"""The seam between a connection and what carries its messages: one Wire per transport."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION

from mcp_bridge.downstream.remote.faults import Refused, clean
from mcp_bridge.downstream.remote.messages import CLIENT_INFO, MAX_DEPTH, Message, encode

log = logging.getLogger(__name__)

OnProgress = Callable[[float, float | None, str | None], Awaitable[None]]
OnElicit = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

# How long a person may take to answer a question that a tool asks in the middle of a call.
ELICIT_SECONDS = 600.0
# What the server calls the question that is asked now (2026-07-28); empty where questions have no names.
asked_as: ContextVar[str] = ContextVar("asked_as", default="")
DECLINED: dict[str, Any] = {"action": "decline"}
CANCELLED: dict[str, Any] = {"action": "cancel"}
METHOD_NOT_FOUND = -32601
# Elicitation by form alone. The handshake declares it for all calls; 2026-07-28 per call, when somebody can answer.
CAN_ELICIT: dict[str, Any] = {"elicitation": {}}
CHANGES = {
    "notifications/tools/list_changed": "tools",
    "notifications/resources/list_changed": "resources",
    "notifications/prompts/list_changed": "prompts",
}


@dataclass(frozen=True)
class Opened:
    """What a server said about itself when it was opened."""

    protocol_version: str
    capabilities: Mapping[str, Any]
    server_info: Mapping[str, Any]
    instructions: str
    session_id: str = ""

    @property
    def is_modern(self) -> bool:
        return self.protocol_version == LATEST_MODERN_VERSION

    @property
    def announces_changes(self) -> bool:
        return any(
            isinstance(self.capabilities.get(kind), dict) and self.capabilities[kind].get("listChanged")
            for kind in ("tools", "resources", "prompts")
        )


@dataclass(frozen=True)
class Bounds:
    """Of an answer's JSON text."""

    max_bytes: int
    max_depth: int


SMALL = Bounds(1024 * 1024, MAX_DEPTH)


@dataclass
class Exchange:
    """One request and what may happen until it is answered."""

    deadline: asyncio.Timeout
    bounds: Bounds
    on_progress: OnProgress | None = None
    on_elicit: OnElicit | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    async def elicit(self, params: Any) -> Mapping[str, Any]:
        """Asks the caller; the time that people take does not count against the call's."""
        if self.on_elicit is None:
            return DECLINED
        now = asyncio.get_running_loop().time
        left = (self.deadline.when() or now()) - now()
        with contextlib.suppress(RuntimeError):  # when the call has ended meanwhile
            self.deadline.reschedule(now() + ELICIT_SECONDS)
        try:
            return await ask(self.on_elicit, params)
        finally:
            with contextlib.suppress(RuntimeError):
                self.deadline.reschedule(now() + left)

    async def progress(self, params: Any) -> None:
        """Passes a progress notification on; one that is malformed is dropped."""
        if self.on_progress is None or not isinstance(params, dict):
            return
        done, total, message = params.get("progress"), params.get("total"), params.get("message")
        if not isinstance(done, int | float) or not isinstance(total, int | float | None):
            return
        try:
            await self.on_progress(done, total, clean(message) if isinstance(message, str) else None)
        except Exception:  # an edge: whoever wanted to know of progress must not end the call by failing
            log.exception("progress could not be passed on")


async def ask(on_elicit: OnElicit | None, params: Any, name: str = "") -> dict[str, Any]:
    """A person's answer to a question; declined when nobody can be asked, cancelled when asking fails."""
    if on_elicit is None or not isinstance(params, dict):
        return DECLINED
    asked_as.set(name)  # for this task and those that it hands the question to
    try:
        return dict(await on_elicit(params))
    except Exception:  # an edge: the caller's side failed, and the tool server must still get an answer
        log.exception("a tool's question could not be passed on")
        return CANCELLED


class Wire(Protocol):
    """An open way to a server. It ends by itself when the server goes away: `is_open` is False then."""

    opened: Opened

    @property
    def is_open(self) -> bool: ...

    async def check(self) -> None:
        """Makes sure, if there is doubt, that the server is still there. Raises SessionLost or Unreachable."""
        ...

    async def request(self, method: str, params: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """The result. Raises RpcError, Unreachable, Refused, Lost and TooLarge; when it is cancelled, the server is
        told so."""
        ...

    async def close(self) -> None: ...


def modern_meta(*, can_elicit: bool) -> dict[str, Any]:
    """The `_meta` that every request of 2026-07-28 carries."""
    return {
        PROTOCOL_VERSION_META_KEY: LATEST_MODERN_VERSION,
        CLIENT_INFO_META_KEY: CLIENT_INFO,
        CLIENT_CAPABILITIES_META_KEY: CAN_ELICIT if can_elicit else {},
    }


INITIALIZE: dict[str, Any] = {
    "protocolVersion": LATEST_HANDSHAKE_VERSION, "capabilities": CAN_ELICIT, "clientInfo": CLIENT_INFO,
}
LISTEN: dict[str, Any] = {
    "notifications": {"toolsListChanged": True, "resourcesListChanged": True, "promptsListChanged": True}
}


def initialized(result: Mapping[str, Any], session_id: str = "") -> Opened:
    """From the result of `initialize`. Raises Refused when the version is none that the gateway speaks."""
    version = result.get("protocolVersion")
    if version not in HANDSHAKE_PROTOCOL_VERSIONS:
        raise Refused(f"The tool server speaks the protocol version {clean(version)}, which the gateway does not.")
    return _opened(version, result, result.get("serverInfo"), session_id)


def discovered(result: Mapping[str, Any]) -> Opened | None:
    """From the result of `server/discover`; None when the server does not offer 2026-07-28."""
    versions = result.get("supportedVersions")
    if not isinstance(versions, list) or LATEST_MODERN_VERSION not in versions:
        return None
    meta = result.get("_meta")
    return _opened(LATEST_MODERN_VERSION, result, meta.get(SERVER_INFO_META_KEY) if isinstance(meta, dict) else None)


def _opened(version: str, result: Mapping[str, Any], info: Any, session_id: str = "") -> Opened:
    capabilities, instructions = result.get("capabilities"), result.get("instructions")
    return Opened(
        protocol_version=version, capabilities=capabilities if isinstance(capabilities, dict) else {},
        server_info=info if isinstance(info, dict) else {},
        instructions=instructions if isinstance(instructions, str) else "", session_id=session_id,
    )


def message(method: str, params: Mapping[str, Any] | None, request_id: int | str | None = None) -> bytes:
    """A request, or without an id a notification."""
    body: Message = {"jsonrpc": "2.0", "method": method}
    if request_id is not None:
        body["id"] = request_id
    if params is not None:
        body["params"] = params
    return encode(body).encode()


async def answer_server(request: Message, exchange: Exchange | None) -> bytes:
    """The answer to what a server asks its client. Questions to a person are passed on; no sampling, no roots."""
    method, asked = request.get("method"), request.get("id")
    if method == "ping":
        return encode({"jsonrpc": "2.0", "id": asked, "result": {}}).encode()
    if method == "elicitation/create":
        answer = await exchange.elicit(request.get("params")) if exchange else DECLINED
        return encode({"jsonrpc": "2.0", "id": asked, "result": dict(answer)}).encode()
    error = {"code": METHOD_NOT_FOUND, "message": f"This gateway does not offer {clean(method)} to tool servers."}
    return encode({"jsonrpc": "2.0", "id": asked, "error": error}).encode()
