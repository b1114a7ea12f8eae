"""MCP over HTTP from plain ASGI: SSE at /mcp/sse + /mcp/messages/, Streamable HTTP at /mcp, RFC 9728 metadata.

In front of the SDK's transports, in this order: Host and Origin, the bearer token, the size of the body. Each exchange
runs in a scope that ends with its token or with the process. What the policy allows is answered before the SDK is
asked (mcp_bridge/lane.py).
"""

import asyncio
import contextvars
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.db import Error
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware, get_access_token
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.requests import Request
from starlette.responses import Response

from governance.events import on_token_revoked
from mcp_bridge import express, gate
from mcp_bridge.auth import SCOPE, Caller, callers
from mcp_bridge.downstream import remote
from mcp_bridge.lane import Lane, is_candidate
from mcp_bridge.server import TRANSPORT, build_server
from mcp_bridge.streams import OpenStreams

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
HTTP_PATHS = ("/mcp", "/mcp/")
SSE_PATHS = ("/mcp/sse", "/mcp/sse/")
MESSAGES_PATHS = ("/mcp/messages", "/mcp/messages/")
RESOURCE = AnyHttpUrl(f"{settings.PUBLIC_URL}/mcp")
METADATA_URL = build_resource_metadata_url(RESOURCE)
METADATA_PATHS = {"/.well-known/oauth-protected-resource/mcp", METADATA_URL.path}
MAX_CHECKED = 1_000
STARTUP_SECONDS = 10.0
STOP_SECONDS = 0.5


def handles(path: str) -> bool:
    return path == "/mcp" or path.startswith("/mcp/") or path in METADATA_PATHS


async def find_caller() -> Caller | None:
    """The caller of the message that is being handled, in every transport and protocol era."""
    token = get_access_token()
    return (token.claims or {}).get("caller") if token else None


_security = TransportSecuritySettings(
    allowed_hosts=settings.MCP_ALLOWED_HOSTS, allowed_origins=settings.MCP_ALLOWED_ORIGINS
)
_check_headers = TransportSecurityMiddleware(_security).validate_request
_calls = gate.InFlight()
_checked: set[tuple[bytes, bytes]] = set()
_server = build_server(find_caller, _calls)
_lane = Lane(_server, _calls, MAX_BODY_BYTES)
_sse = SseServerTransport("/mcp/messages/", security_settings=_security, max_request_body_size=MAX_BODY_BYTES)
_streams = OpenStreams()
on_token_revoked(_streams.close_soon)
# The gateway itself issues the tokens (manage.py create_agent); it has no OAuth endpoints.
_metadata = create_protected_resource_routes(
    resource_url=RESOURCE, authorization_servers=[AnyHttpUrl(settings.PUBLIC_URL)], scopes_supported=[SCOPE],
    resource_name="ATLAS governance gateway",
)[0].endpoint


class Runtime:
    """What runs beside the requests: the SDK's session manager and the watch over tokens.

    daphne sends no lifespan, so the first request may be what starts it.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._stop = asyncio.Event()
        self._manager: StreamableHTTPSessionManager | None = None

    async def start(self) -> StreamableHTTPSessionManager:
        loop = asyncio.get_running_loop()
        runs = self._task is not None and not self._task.done() and self._task.get_loop() is loop
        if runs and self._ready.done():  # every time but the first
            return self._manager
        if not runs:
            self._ready, self._stop = loop.create_future(), asyncio.Event()
            _streams.use_loop(loop)
            remote.use_loop(loop)
            # An empty context: the task must not carry the first caller's identity into later sessions.
            self._task = loop.create_task(self._run(), context=contextvars.Context())
        await asyncio.wait_for(asyncio.shield(self._ready), STARTUP_SECONDS)
        return self._manager

    async def _run(self) -> None:
        self._manager = StreamableHTTPSessionManager(
            app=_server, security_settings=_security, max_request_body_size=MAX_BODY_BYTES
        )
        watch = asyncio.create_task(_streams.watch())
        try:
            async with self._manager.run():  # entered and left in one task, as anyio demands
                self._ready.set_result(None)
                await self._stop.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise
        finally:
            watch.cancel()

    async def stop(self) -> None:
        """Ends every open exchange, held calls among them. Their requests live on."""
        _streams.close_all()
        task, self._task = self._task, None
        if task is not None and not task.done():
            self._stop.set()
            # The SDK tries for a second to answer the cancelled calls of sessions; their clients are gone already.
            await asyncio.wait([task], timeout=STOP_SECONDS)


_runtime = Runtime()


async def start() -> None:
    await _runtime.start()


async def stop() -> None:
    await _runtime.stop()
    await express.finish()


async def mcp_app(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of every path that `handles` accepts. scope["path"] carries no root_path."""
    if scope["path"] in METADATA_PATHS:
        return await _metadata(scope, receive, send)
    refused = await _check_origin(scope)
    if refused is not None:
        return await refused(scope, receive, send)
    try:
        caller = await callers.find(_bearer(scope))
    except Error as error:
        log.error("the caller could not be looked up: %s", error)
        return await _respond(send, 503, {"error": "The gateway cannot reach its database. Try again later."})
    if caller is None:
        return await _unauthorized(send)
    if not caller.may_call:
        return await _challenge(send, 403, "insufficient_scope", f"This token lacks the scope {SCOPE}.")
    if _declared_size(scope) > MAX_BODY_BYTES:
        return await _respond(
            send, 413,
            {"error": f"The request body is larger than {MAX_BODY_BYTES:,} bytes. Pass a reference to large data."},
        )
    if scope["path"] in HTTP_PATHS and is_candidate(scope):
        receive = await _by_lane(caller, scope, receive, send)
        if receive is None:
            return
    await _exchange(caller, scope, receive, send)


async def _check_origin(scope: Scope) -> Response | None:
    """The SDK's check of Host and Origin; what it let pass once is remembered."""
    said = _header(scope, b"host"), _header(scope, b"origin")
    if said in _checked:
        return None
    refused = await _check_headers(Request(scope), is_post=False)
    if refused is None and len(_checked) < MAX_CHECKED and max(map(len, said)) <= 255:
        _checked.add(said)
    return refused


async def _by_lane(caller: Caller, scope: Scope, receive: Receive, send: Send) -> Receive | None:
    """None when the request was answered, else from where it is to be received."""
    await _runtime.start()
    try:
        with _streams.opened(caller.token_id):
            return await _lane.serve(caller, scope, receive, send)
    except express.TokenDead:
        pass
    await _unauthorized(send)  # as well when the token died or the process stopped meanwhile
    return None


async def _exchange(caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
    """Serves one request until it is answered, its token dies or the process stops."""
    scope["user"] = AuthenticatedUser(
        # The session belongs to the token that opened it: another agent's, even if guessed, is not found.
        AccessToken(
            token="", client_id=f"agent:{caller.agent_id}", subject=f"token:{caller.token_id}",
            scopes=list(caller.scopes), claims={"caller": caller},
        )
    )
    begun = ended = False

    async def watched(message: MutableMapping[str, Any]) -> None:
        nonlocal begun, ended
        if ended:
            return
        begun = True
        ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await send(message)

    with _streams.opened(caller.token_id) as exchange:
        await _route(scope, receive, watched)
    if exchange.cancelled_caught and not ended:
        if begun:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await _unauthorized(send)


async def _dispatch(scope: Scope, receive: Receive, send: Send) -> None:
    path, method = scope["path"], scope["method"]
    if path in HTTP_PATHS:
        scope[TRANSPORT] = "http"
        manager = await _runtime.start()
        await manager.handle_request(scope, receive, send)
    elif path in SSE_PATHS and method == "GET":
        await _runtime.start()
        await _serve_sse(scope, receive, send)
    elif path in MESSAGES_PATHS:
        scope[TRANSPORT] = "sse"
        await _sse.handle_post_message(scope, receive, send)
    elif path in SSE_PATHS:
        await _respond(send, 405, {"error": "Open the event stream with GET."}, (b"allow", b"GET"))
    else:
        await _respond(send, 404, {"error": "Not found. MCP is served at /mcp and at /mcp/sse."})


_route = AuthContextMiddleware(_dispatch)


async def _serve_sse(scope: Scope, receive: Receive, send: Send) -> None:
    async with _sse.connect_sse(scope, receive, send) as (incoming, outgoing):
        await _server.run(incoming, outgoing, _server.create_initialization_options())


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key.lower() == name), b"")


def _bearer(scope: Scope) -> str:
    kind, _, token = _header(scope, b"authorization").decode("latin-1").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _declared_size(scope: Scope) -> int:
    size = _header(scope, b"content-length")
    return int(size) if size.isdigit() else 0


async def _unauthorized(send: Send) -> None:
    await _challenge(send, 401, "invalid_token", "A valid agent token is needed: Authorization: Bearer <token>.")


async def _challenge(send: Send, status: int, error: str, description: str) -> None:
    challenge = f'Bearer error="{error}", error_description="{description}", scope="{SCOPE}", '
    challenge += f'resource_metadata="{METADATA_URL}"'
    await _respond(
        send, status, {"error": error, "error_description": description}, (b"www-authenticate", challenge.encode())
    )


async def _respond(send: Send, status: int, body: dict[str, str], *headers: tuple[bytes, bytes]) -> None:
    content = json.dumps(body).encode()
    await send(
        {
            "type": "http.response.start", "status": status,
            "headers": [
                (b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()), *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": content, "more_body": False})
