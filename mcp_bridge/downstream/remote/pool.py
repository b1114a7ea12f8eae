"""Pool: the process's connections to tool servers, one per endpoint, on the home loop."""

import asyncio
import logging
import threading
from collections.abc import Callable

import aiohttp

from mcp_bridge.downstream.remote.connection import Connection
from mcp_bridge.downstream.remote.duplex import DuplexWire
from mcp_bridge.downstream.remote.endpoint import Endpoint
from mcp_bridge.downstream.remote.http import HttpWire
from mcp_bridge.downstream.remote.loop import home, post
from mcp_bridge.downstream.remote.sse import SseCarrier
from mcp_bridge.downstream.remote.stdio import StdioCarrier
from mcp_bridge.downstream.remote.web import new_session
from mcp_bridge.downstream.remote.wire import Wire

log = logging.getLogger(__name__)

# What the calls under way may take when their endpoint was changed; its connection is closed after them.
LAST_CALLS_SECONDS = 60.0
ANNOUNCE_SECONDS = 0.2


class Pool:
    """`on_changed(key, what)` is called on the home loop when a server announces that its list of `what` ("tools",
    "resources" or "prompts") changed; it must be quick. Every method may be called from any thread."""

    def __init__(self, on_changed: Callable[[str, str], None] | None = None) -> None:
        self._on_changed = on_changed
        self._lock = threading.Lock()
        self._connections: dict[str, tuple[asyncio.AbstractEventLoop, Connection]] = {}
        self._announced: set[tuple[str, str]] = set()
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}

    def connection(self, endpoint: Endpoint) -> Connection:
        """The connection of this endpoint. One made for the same key but another address or loop is retired."""
        loop = home()
        held = self._connections.get(endpoint.key)
        if held is not None and held[0] is loop and held[1].endpoint == endpoint:
            return held[1]
        with self._lock:
            held = self._connections.get(endpoint.key)
            if held is not None and held[0] is loop and held[1].endpoint == endpoint:
                return held[1]
            made = Connection(endpoint, lambda: self._open(endpoint))
            self._connections[endpoint.key] = loop, made
        if held is not None:
            post(held[0], _retire(held[1]))
        return made

    def known(self) -> dict[str, Connection]:
        """Every connection by its key, for the pages that show their health."""
        return {key: connection for key, (_, connection) in list(self._connections.items())}

    async def close(self, key: str) -> None:
        """Closes at once; calls under way end as lost."""
        with self._lock:
            held = self._connections.pop(key, None)
        if held is not None:
            await _on(held[0], held[1].close())

    async def close_all(self) -> None:
        for key in list(self._connections):
            await self.close(key)
        with self._lock:
            sessions, self._sessions = self._sessions, {}
        for loop, session in sessions.items():
            await _on(loop, session.close())

    async def _open(self, endpoint: Endpoint) -> Wire:
        announce = (lambda what: self._announce(endpoint.key, what)) if self._on_changed else None
        wire = await self._wire(endpoint, announce)
        try:
            await wire.open()
        except BaseException:
            await wire.close()
            raise
        return wire

    def _announce(self, key: str, what: str) -> None:
        """Once for all announcements of ANNOUNCE_SECONDS, however many a server makes."""
        if (key, what) not in self._announced:
            self._announced.add((key, what))
            asyncio.get_running_loop().call_later(ANNOUNCE_SECONDS, self._tell, key, what)

    def _tell(self, key: str, what: str) -> None:
        self._announced.discard((key, what))
        log.info("tool server %s announces that its %s changed", key, what)
        self._on_changed(key, what)

    async def _wire(self, endpoint: Endpoint, changed: Callable[[str], None] | None) -> HttpWire | DuplexWire:
        if endpoint.kind == "http":
            return HttpWire(endpoint, self._session(), changed)
        if endpoint.kind == "sse":
            return DuplexWire(endpoint.key, await SseCarrier.start(endpoint, self._session()), changed)
        return DuplexWire(endpoint.key, await StdioCarrier.start(endpoint), changed)

    def _session(self) -> aiohttp.ClientSession:
        """The one HTTP client of the running loop."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            for gone in [other for other in self._sessions if other.is_closed()]:
                del self._sessions[gone]
            session = self._sessions[loop] = new_session()
        return session


async def _retire(connection: Connection) -> None:
    end = asyncio.get_running_loop().time() + LAST_CALLS_SECONDS
    while connection.active and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.1)
    await connection.close()


async def _on(loop: asyncio.AbstractEventLoop, work) -> None:
    if asyncio.get_running_loop() is loop:
        await work
    elif loop.is_running():
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))
    else:
        work.close()
