"""DuplexWire: many requests at once over one stream of messages in each direction, as stdio and legacy SSE have."""

import asyncio
import contextlib
import contextvars
import itertools
import logging
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from governance.errors import DownstreamFailed, DownstreamUnknown
from mcp_bridge.downstream.remote.faults import Lost, Refused, RpcError, SessionLost, TooLarge, Unreachable
from mcp_bridge.downstream.remote.messages import (
    LIST_DEPTH,
    Malformed,
    Message,
    decode,
    encode,
    is_deeper,
    response_to,
)
from mcp_bridge.downstream.remote.web import TAIL_BYTES
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

# One message; what a single result may take is checked against the endpoint's own limit, which is smaller as a rule.
MESSAGE_BYTES = 4 * 1024 * 1024
# More messages than this in so many seconds are a flood: the server is let go.
FLOOD_MESSAGES, FLOOD_SECONDS = 20_000, 10.0
MAX_QUEUED_PROGRESS = 100
MAX_QUESTIONS = 16
CHECK_SECONDS = 5.0
GOODBYE_SECONDS = 2.0

_ID = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*,')


class Carrier(Protocol):
    """Carries whole messages. `unused_seconds`: after so long without a sign of life, look before a call."""

    unused_seconds: float | None

    async def send(self, body: bytes) -> None:
        """Raises Unreachable or Refused when it certainly did not arrive, Lost when nobody can say."""
        ...

    async def receive(self) -> bytes | None:
        """The next message; None when there will be none any more. Raises TooLarge, Lost."""
        ...

    async def why_ended(self) -> str:
        """In words, when the other side ended it and said so; else empty. Does not take long."""
        ...

    async def close(self) -> None: ...


@dataclass
class _Pending:
    """A request under way. Its own coroutine empties the inbox, so a slow caller holds up nobody else."""

    exchange: Exchange
    inbox: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)


class DuplexWire:
    def __init__(self, key: str, carrier: Carrier, on_changed: Callable[[str], None] | None = None) -> None:
        self.key, self._carrier, self._on_changed = key, carrier, on_changed
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._questions = 0
        self._reader: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._heard_at = time.monotonic()
        self._is_modern = False
        self._metas = {can: modern_meta(can_elicit=can) for can in (False, True)}
        self.is_open = False
        self.opened: Opened

    async def open(self) -> None:
        """The handshake, and `server/discover` where it is refused: every server of these transports knows one.

        Raises Unreachable, Refused and Lost.
        """
        self.is_open = True
        self._reader = self._spawn(self._read())
        async with asyncio.timeout(None) as deadline:
            exchange = Exchange(deadline, SMALL)
            try:
                self.opened = initialized(await self.request("initialize", INITIALIZE, exchange))
                await self._carrier.send(message("notifications/initialized", None))
            except RpcError as refused:
                self.opened = await self._discover(exchange, refused)
        if self._on_changed and self._is_modern and self.opened.announces_changes:
            body = message("subscriptions/listen", {**LISTEN, "_meta": self._metas[False]}, "listen")
            await self._carrier.send(body)

    async def _discover(self, exchange: Exchange, refused: RpcError) -> Opened:
        self._is_modern = True
        try:
            opened = discovered(await self.request("server/discover", {}, exchange))
        except RpcError:
            opened = None
        if opened is None:
            raise Refused(f"The tool server {self.key} refused the handshake: {refused}") from refused
        return opened

    async def check(self) -> None:
        quiet = self._carrier.unused_seconds
        if quiet is None or time.monotonic() - self._heard_at < quiet:
            return
        try:
            async with asyncio.timeout(CHECK_SECONDS) as deadline:
                await self.request("ping", {}, Exchange(deadline, SMALL))
        except RpcError:
            pass  # alive, if not obliging
        except (Lost, TimeoutError):
            await self._end("did not answer a ping")
            raise SessionLost(f"The tool server {self.key} was silent. The call was not sent.") from None

    async def request(self, method: str, params: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        if not self.is_open:
            raise Unreachable(f"The tool server {self.key} ended. Nothing was sent.")
        request_id = next(self._ids)
        params = {**params, "_meta": self._meta(params.get("_meta"), request_id, exchange)}
        if not params["_meta"]:
            del params["_meta"]
        pending = self._pending[request_id] = _Pending(exchange)
        try:
            await self._carrier.send(message(method, params, request_id))
            while True:
                said = await pending.inbox.get()
                if isinstance(said, Exception):
                    raise said
                if "method" not in said:
                    return response_to(request_id, said)
                await exchange.progress(said.get("params"))
        except Malformed as error:
            raise Lost(f"The answer of the tool server {self.key} {error}.") from error
        except SessionLost:
            await self._end("lost the session")
            raise
        except asyncio.CancelledError:
            if method not in ("initialize", "server/discover", "ping"):
                told = {"requestId": request_id, "reason": "the caller left or the time is over"}
                self._spawn(self._send_quietly(message("notifications/cancelled", told)))
            raise
        finally:
            del self._pending[request_id]

    def _meta(self, meta: Any, request_id: int, exchange: Exchange) -> dict[str, Any]:
        own = self._metas[exchange.on_elicit is not None] if self._is_modern else {}
        token = {"progressToken": request_id} if exchange.on_progress is not None else {}
        return {**(meta or {}), **own, **token}

    async def _read(self) -> None:
        why = "ended"
        started, count = time.monotonic(), 0
        try:
            while (body := await self._carrier.receive()) is not None:
                self._heard_at = time.monotonic()
                self._heard(body)
                count += 1
                if self._heard_at - started > FLOOD_SECONDS:
                    started, count = self._heard_at, 0
                elif count > FLOOD_MESSAGES:
                    why = f"sent more than {FLOOD_MESSAGES:,} messages within {FLOOD_SECONDS:g} seconds"
                    break
        except TooLarge as cut:
            why = "sent a message larger than the gateway takes"
            self._cut(cut.head, cut.tail)
        except Malformed as error:
            why = f"sent a message that {error}"
        except (DownstreamFailed, DownstreamUnknown) as error:
            why = f"could not be heard any more: {error}"
        await self._end(why)

    async def _end(self, why: str) -> None:
        """Lets the server go; whoever waits for it learns why."""
        if not self.is_open:
            return
        self.is_open = False
        how = await self._carrier.why_ended()
        text = f"The tool server {self.key} {why}{f' ({how})' if how else ''} before it answered."
        log.info("%s", text)
        for pending in self._pending.values():
            pending.inbox.put_nowait(Lost(text))
        # Not among the tasks that close() cancels: a child process must not survive that.
        self._closing = asyncio.get_running_loop().create_task(self._carrier.close(), context=contextvars.Context())

    def _heard(self, body: bytes) -> None:
        """Raises Malformed for what is no message; the stream cannot be trusted after that."""
        least = min((pending.exchange.bounds.max_bytes for pending in self._pending.values()), default=0)
        if len(body) > least and self._cut(body, body[-TAIL_BYTES:]):
            return
        said = decode(body, LIST_DEPTH)
        if not isinstance(said, dict) or said.get("jsonrpc") != "2.0":
            raise Malformed("is not a JSON-RPC message")
        if "method" not in said:
            self._answered(said, body)
        elif "id" in said:
            self._asked(said)
        elif said["method"] == "notifications/progress":
            params = said.get("params")
            token = params.get("progressToken") if isinstance(params, dict) else None
            pending = self._pending.get(token) if type(token) is int else None
            if pending and pending.inbox.qsize() < MAX_QUEUED_PROGRESS:
                pending.inbox.put_nowait(said)
        elif isinstance(said["method"], str) and (what := CHANGES.get(said["method"])) and self._on_changed:
            self._on_changed(what)

    def _answered(self, said: Message, body: bytes) -> None:
        asked = said.get("id")
        if asked is None and len(self._pending) == 1:  # an error about a message whose id could not be read
            asked = next(iter(self._pending))
        pending = self._pending.get(asked) if type(asked) is int else None
        if pending is None:
            log.debug("%s answered a request that nobody waits for", self.key)
            return
        depth = pending.exchange.bounds.max_depth
        if body.count(b"{") + body.count(b"[") > depth and is_deeper(said, depth):
            pending.inbox.put_nowait(Malformed(f"is nested more than {depth} levels deep"))
        else:
            pending.inbox.put_nowait(said)

    def _cut(self, head: bytes, tail: bytes) -> bool:
        """Gives the beginning of an answer that is too large to the request that it belongs to, if it is."""
        found = _ID.match(head[:200])
        pending = self._pending.get(int(found.group(1))) if found else None
        if pending is None or len(head) <= pending.exchange.bounds.max_bytes:
            return False
        pending.inbox.put_nowait(TooLarge(head[:pending.exchange.bounds.max_bytes], tail))
        return True

    def _asked(self, request: Message) -> None:
        """A question does not say which call it belongs to. It is passed on only when a single call is under way, so
        that no agent's client is ever asked in the course of another's call."""
        alone = next(iter(self._pending.values())).exchange if len(self._pending) == 1 else None
        if self._questions >= MAX_QUESTIONS:
            error = {"code": -32000, "message": "Too many questions at once."}
            busy = encode({"jsonrpc": "2.0", "id": request.get("id"), "error": error}).encode()
            if len(self._tasks) < 4 * MAX_QUESTIONS:
                self._spawn(self._send_quietly(busy))
            return
        self._questions += 1
        self._spawn(self._answer(request, alone))

    async def _answer(self, request: Message, exchange: Exchange | None) -> None:
        try:
            await self._send_quietly(await answer_server(request, exchange))
        finally:
            self._questions -= 1

    async def _send_quietly(self, body: bytes) -> None:
        with contextlib.suppress(Refused, Unreachable, Lost, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._carrier.send(body)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Returns when everything has ended, a child process above all."""
        await self._end("was let go by the gateway")
        for task in list(self._tasks):
            if task is not self._reader:
                task.cancel()
        if self._closing is not None:
            await asyncio.shield(self._closing)
        if self._reader is not None:
            self._reader.cancel()
