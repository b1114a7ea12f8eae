"""HttpWire: Streamable HTTP, both the stateless protocol of 2026-07-28 and the sessions before it.

One POST per request, answered as JSON or as an event stream. A tools/call is posted once, whatever happens: aiohttp
repeats idempotent methods alone, and nothing here repeats a POST.
"""

import asyncio
import contextlib
import contextvars
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
from mcp.shared.inbound import NAME_BEARING_METHODS, encode_header_value
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_MODERN_VERSION
from yarl import URL

from mcp_bridge.downstream.remote.endpoint import Endpoint
from mcp_bridge.downstream.remote.events import EventParser
from mcp_bridge.downstream.remote.faults import (
    NOT_BEGUN,
    UNSUPPORTED_VERSION,
    Lost,
    Refused,
    RpcError,
    SessionLost,
    TooLarge,
    Unauthorized,
    Unreachable,
    clean,
)
from mcp_bridge.downstream.remote.messages import MAX_DEPTH, Malformed, Message, decode, encode, error_in, response_to
from mcp_bridge.downstream.remote.web import (
    LIBRARY_ERRORS,
    chunks,
    error_body,
    fault,
    own_headers,
    read_body,
    read_tail,
)
from mcp_bridge.downstream.remote.wire import (
    CHANGES,
    INITIALIZE,
    LISTEN,
    SMALL,
    Exchange,
    Opened,
    answer_server,
    discovered,
    initialized,
    message,
    modern_meta,
)

log = logging.getLogger(__name__)

DISCOVER_SECONDS = 5.0
# A session unused for so long is asked whether it still exists before a call is entrusted to it.
UNUSED_SECONDS = 4.0
GOODBYE_SECONDS = 2.0
NO_SUCH_SESSION = -32000  # what the SDKs' older servers answer to a request without a session
MAX_MESSAGES = 10_000
MAX_RESUMPTIONS = 5
QUIET_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 60.0



class HttpWire:
    def __init__(
        self, endpoint: Endpoint, session: aiohttp.ClientSession, on_changed: Callable[[str], None] | None = None
    ) -> None:
        self.key, self._url, self._session = endpoint.key, URL(endpoint.url), session
        self._on_changed = on_changed
        self._headers = {
            **own_headers(endpoint), "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        self._ids = itertools.count(1)
        self._session_id = ""
        self._used_at = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_modern = False
        self._metas: dict[bool, dict[str, Any]] = {}
        self.is_open = False
        self.opened: Opened

    async def open(self) -> None:
        """Asks for 2026-07-28 first and falls back to the handshake. Raises Unreachable, Refused and Lost."""
        async with asyncio.timeout(None) as deadline:
            exchange = Exchange(deadline, SMALL)
            opened = await self._discover(exchange) or await self._initialize(exchange)
        self.opened, self.is_open = opened, True
        self._used_at = asyncio.get_running_loop().time()
        if self._on_changed and opened.announces_changes:
            self._spawn(self._watch())

    async def _discover(self, exchange: Exchange) -> Opened | None:
        self._speak_modern()
        try:
            async with asyncio.timeout(DISCOVER_SECONDS):
                return discovered(await self.request("server/discover", {}, exchange))
        except RpcError as error:
            offered = error.data.get("supported") if isinstance(error.data, dict) else None
            if error.code == UNSUPPORTED_VERSION and isinstance(offered, list) and not (
                set(HANDSHAKE_PROTOCOL_VERSIONS) & {name for name in offered if isinstance(name, str)}
            ):
                raise Refused(f"The tool server {self.key} speaks no protocol version of the gateway's.") from error
        except (Unauthorized, Unreachable):
            raise
        except (Refused, Lost, TimeoutError):
            pass  # no evidence of 2026-07-28, and nothing that a handshake would not find out again
        return None

    async def _initialize(self, exchange: Exchange) -> Opened:
        self._is_modern = False
        for name in ("MCP-Protocol-Version", "Mcp-Method"):
            self._headers.pop(name, None)
        try:
            opened = initialized(await self.request("initialize", INITIALIZE, exchange), self._session_id)
        except RpcError as error:
            raise Refused(f"The tool server {self.key} refused the handshake: {error}") from error
        self._headers["MCP-Protocol-Version"] = opened.protocol_version
        if self._session_id:
            self._headers["Mcp-Session-Id"] = self._session_id
        await self._send(message("notifications/initialized", None))
        return opened

    def _speak_modern(self) -> None:
        self._is_modern = True
        self._headers["MCP-Protocol-Version"] = LATEST_MODERN_VERSION
        self._metas = {can: modern_meta(can_elicit=can) for can in (False, True)}

    async def check(self) -> None:
        """Makes sure that an unused session still exists. Raises SessionLost or Unreachable: nothing was called yet."""
        if not self._session_id or asyncio.get_running_loop().time() - self._used_at < UNUSED_SECONDS:
            return
        async with asyncio.timeout(None) as deadline:
            try:
                await self.request("ping", {}, Exchange(deadline, SMALL))
            except RpcError:
                pass  # alive, if not obliging
            except Lost as error:
                raise Unreachable(f"{error} The call was not sent.") from error

    async def request(self, method: str, params: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        request_id = next(self._ids)
        headers = self._headers
        if self._is_modern:
            headers = {**headers, "Mcp-Method": method, **exchange.headers}
            if (name := params.get(NAME_BEARING_METHODS.get(method, ""))) is not None:
                headers["Mcp-Name"] = encode_header_value(name)
            own = self._metas[exchange.on_elicit is not None]
            meta = params.get("_meta")
            params = {**params, "_meta": {**meta, **own} if meta else own}
        if exchange.on_progress is not None:
            params = {**params, "_meta": {**params.get("_meta", {}), "progressToken": request_id}}
        body = encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode()
        try:
            return await self._post(request_id, method, body, headers, exchange)
        except LIBRARY_ERRORS as error:
            raise fault(error, self.key) from error
        except Malformed as error:
            raise Lost(f"The answer of the tool server {self.key} {error}.") from error
        except asyncio.CancelledError:
            # On 2026-07-28 closing the stream is the cancellation.
            if not self._is_modern and method not in ("initialize", "ping"):
                told = {"requestId": request_id, "reason": "the caller left or the time is over"}
                self._spawn(self._send_quietly(message("notifications/cancelled", told)))
            raise

    async def _post(
        self, request_id: int, method: str, body: bytes, headers: Mapping[str, str], exchange: Exchange
    ) -> dict[str, Any]:
        response = await self._session.post(self._url, data=body, headers=headers, allow_redirects=False)
        try:
            if response.status != 200:
                await self._refuse(response)
            if method == "initialize":
                self._keep_session(response)
            kind = response.content_type
            if kind == "application/json":
                body = await read_body(response, exchange.bounds.max_bytes)
                result = response_to(request_id, decode(body, exchange.bounds.max_depth))
            elif kind == "text/event-stream":
                result = await self._streamed(response, request_id, exchange)
            else:
                raise Lost(f"The tool server {self.key} answered with {clean(kind)} instead of JSON.")
            self._used_at = asyncio.get_running_loop().time()
            return result
        finally:
            if response.content.at_eof():
                response.release()
            else:
                response.close()

    def _keep_session(self, response: aiohttp.ClientResponse) -> None:
        session_id = response.headers.get("Mcp-Session-Id", "")
        if len(session_id) > 1024 or not (session_id.isascii() and session_id.isprintable()):
            raise Lost(f"The tool server {self.key} opened a session with an invalid id.")
        self._session_id = session_id

    async def _refuse(self, response: aiohttp.ClientResponse) -> None:
        """Raises what an answer other than 200 means. It is certain that nothing ran when the server says so."""
        status, key = response.status, self.key
        if status < 300:
            raise Lost(f"The tool server {key} took the request (HTTP {status}) but did not answer it.")
        if status < 400:
            to = clean(_origin_and_path(response.headers.get("Location", "")))
            text = f"The tool server {key} redirects (HTTP {status}) to {to}, which the gateway does not follow"
            # 302 and 303 are also how a server sends a browser on after it has done what was asked.
            raise Lost(f"{text}.") if status in (302, 303) else Refused(f"{text}. Nothing was run.")
        error = error_in(await error_body(response))
        if self.is_open and self._is_estranged(status, error):
            self.is_open = False
            raise SessionLost(f"The tool server {key} does not know the gateway's session any more. Nothing was run.")
        if status in (401, 403):
            text = f"The tool server {key} refused the gateway's credentials (HTTP {status})."
            raise Unauthorized(f"{text} Nothing was run.")
        if error:
            raise error
        if status < 500 and status != 408:
            raise Refused(f"The tool server {key} refused the request (HTTP {status}). Nothing was run.")
        raise Lost(f"The tool server {key} failed (HTTP {status}).")

    def _is_estranged(self, status: int, error: RpcError | None) -> bool:
        """Whether the server has lost the session, or no longer speaks the protocol that it spoke when it was opened.

        Many servers answer 400 instead of 404 for a session that they do not know.
        """
        if error and error.code == UNSUPPORTED_VERSION:
            return True
        if self._session_id and status == 400:
            return error is not None and "session" in str(error).lower()
        if self._session_id:
            return status == 404 and (error is None or error.code not in NOT_BEGUN)
        return self._is_modern and status in (400, 404, 405, 406) and (error is None or error.code == NO_SUCH_SESSION)

    async def _streamed(self, response: aiohttp.ClientResponse, request_id: int, exchange: Exchange) -> dict[str, Any]:
        """The result at the end of an event stream, resumed where it broke off if the server gave its events ids."""
        parser, seen = EventParser(exchange.bounds.max_bytes), 0
        async for said in self._messages(response, parser, exchange.bounds.max_depth):
            if "method" not in said:
                if said.get("id") == request_id or "error" in said:
                    return response_to(request_id, said)
                raise Malformed("belongs to another request")
            await self._heard(said, exchange)
            if (seen := seen + 1) > MAX_MESSAGES:
                raise Lost(f"The tool server {self.key} sent more than {MAX_MESSAGES:,} messages before its answer.")
        return await self._resumed(parser, request_id, exchange)

    async def _resumed(self, parser: EventParser, request_id: int, exchange: Exchange) -> dict[str, Any]:
        """Asks for the rest of a stream from its last event on. This is a GET: it runs nothing again.

        Raises Lost, whatever goes wrong: the call itself was sent.
        """
        for _ in range(MAX_RESUMPTIONS):
            if self._is_modern or not parser.last_id:
                break
            await asyncio.sleep(min((parser.retry_ms or 1000) / 1000, 10))
            parser = parser.renewed()
            try:
                async with contextlib.aclosing(self._rest(parser, exchange)) as rest:
                    async for said in rest:
                        if "method" in said:
                            await self._heard(said, exchange)
                        elif said.get("id") == request_id:
                            return response_to(request_id, said)
            except LIBRARY_ERRORS as error:
                log.debug("%s: a stream could not be resumed: %s", self.key, error)
        raise Lost(f"The tool server {self.key} ended its answer before the result.")

    async def _rest(self, parser: EventParser, exchange: Exchange) -> AsyncIterator[Message]:
        headers = {**self._headers, "Accept": "text/event-stream", "Last-Event-ID": parser.last_id}
        async with self._session.get(self._url, headers=headers, allow_redirects=False) as response:
            if response.status == 200 and response.content_type == "text/event-stream":
                async for said in self._messages(response, parser, exchange.bounds.max_depth):
                    yield said

    async def _messages(
        self, response: aiohttp.ClientResponse, parser: EventParser, max_depth: int = MAX_DEPTH
    ) -> AsyncIterator[Message]:
        pieces = chunks(response)
        async for chunk in pieces:
            try:
                for event in parser.feed(chunk):
                    if event.name != "message" or not event.data:
                        continue
                    said = decode(event.data, max_depth)
                    if not isinstance(said, dict) or said.get("jsonrpc") != "2.0":
                        raise Malformed("is not a JSON-RPC message")
                    yield said
            except TooLarge as large:
                raise TooLarge(large.head, await read_tail(pieces, chunk)) from None

    async def _heard(self, said: Message, exchange: Exchange | None) -> None:
        """A notification or a question of the server's, in the middle of an answer or on the standing stream."""
        if "id" in said:
            if not self._is_modern:
                await self._send(await answer_server(said, exchange))
        elif said["method"] == "notifications/progress" and exchange:
            await exchange.progress(said.get("params"))
        elif (what := CHANGES.get(said["method"])) and self._on_changed:
            self._on_changed(what)

    async def _send(self, body: bytes) -> None:
        """Posts a notification or an answer, which is acknowledged without one. Raises Lost, whatever went wrong: the
        call in the course of which it was sent has begun."""
        try:
            async with self._session.post(
                self._url, data=body, headers=self._headers, allow_redirects=False
            ) as response:
                if response.status >= 300:
                    await self._refuse(response)
        except LIBRARY_ERRORS as error:
            raise Lost(str(fault(error, self.key))) from error
        except (Refused, RpcError) as error:
            raise Lost(f"The tool server {self.key} did not accept what the gateway told it: {error}") from error

    async def _send_quietly(self, body: bytes) -> None:
        with contextlib.suppress(Lost, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._send(body)

    async def _watch(self) -> None:
        """Keeps the stream open on which the server announces changes of its lists, as long as it offers one.

        After a gap anything may have changed: all three kinds are reported then.
        """
        pause, now = 1.0, asyncio.get_running_loop().time
        for attempt in itertools.count():
            began = now()
            try:
                if not await self._listen(missed=attempt > 0):
                    return
            except (*LIBRARY_ERRORS, Malformed, TimeoutError) as error:
                log.debug("%s: the stream of changes broke off: %s", self.key, error)
            except (Refused, Lost, RpcError) as error:
                log.debug("%s offers no stream of changes: %s", self.key, error)
                return
            pause = 1.0 if now() - began > LONGEST_PAUSE_SECONDS else min(pause * 2, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def _listen(self, *, missed: bool) -> bool:
        """Reads one stream to its end. False when the server offers none."""
        timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=QUIET_SECONDS)
        headers = {**self._headers, "Accept": "application/json, text/event-stream"}
        if self._is_modern:
            body = message("subscriptions/listen", {**LISTEN, "_meta": self._metas[False]}, f"listen-{next(self._ids)}")
            asked = self._session.post(
                self._url, data=body, headers={**headers, "Mcp-Method": "subscriptions/listen"}, timeout=timeout,
                allow_redirects=False,
            )
        else:
            headers["Accept"] = "text/event-stream"
            asked = self._session.get(self._url, headers=headers, timeout=timeout, allow_redirects=False)
        async with asked as response:
            if response.status != 200:
                await self._refuse(response)
            if response.content_type != "text/event-stream":
                return False
            if missed and self._on_changed:
                for what in CHANGES.values():
                    self._on_changed(what)
            async for said in self._messages(response, EventParser(65536)):
                if "method" in said:
                    await self._heard(said, None)
        return True

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        was_open, self.is_open = self.is_open, False
        for task in list(self._tasks):
            task.cancel()
        if was_open and self._session_id and not self._session.closed:
            with contextlib.suppress(*LIBRARY_ERRORS, TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    async with self._session.delete(self._url, headers=self._headers, allow_redirects=False):
                        pass


def _origin_and_path(address: str) -> str:
    """Without the query, which may hold a secret."""
    return address.split("?")[0].split("#")[0] or "nowhere"
