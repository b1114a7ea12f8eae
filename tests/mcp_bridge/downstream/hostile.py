"""A raw HTTP server that speaks as little MCP as it needs to be called, and then misbehaves as a test tells it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Misbehave = Callable[["Exchange"], Awaitable[None]]

DISCOVERED = {
    "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "resultType": "complete",
    "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "hostile", "version": "0"}},
}
INITIALIZED = {
    "protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "hostile", "version": "0"},
}


@dataclass
class Exchange:
    """One request as it came, and the connection to answer on."""

    message: dict[str, Any]
    headers: dict[str, str]
    writer: asyncio.StreamWriter

    @property
    def id(self) -> Any:
        return self.message.get("id")

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: Any, *, status: str = "200 OK", headers: str = "") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
        await self.write(head.encode() + data)

    async def result(self, result: Any) -> None:
        await self.answer({"jsonrpc": "2.0", "id": self.id, "result": result})

    async def stream(self, *events: str) -> None:
        """Chunked, and left open."""
        await self.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in events:
            await self.chunk(event.encode())

    async def chunk(self, data: bytes) -> None:
        await self.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


@dataclass
class Hostile:
    """`seen` counts every request that arrived whole, by method; `on_call` answers tools/call."""

    on_call: Misbehave
    is_legacy: bool = False
    on_any: Misbehave | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    session: str = "s1"
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def count(self, method: str) -> int:
        return sum(message.get("method") == method for message in self.seen)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Hostile"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._writers):
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        headers = {name.lower(): value for name, value in lines}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        message = json.loads(body) if body else {"method": head.split(" ")[0]}
        self.seen.append(message)
        await self._respond(Exchange(message, headers, writer))

    async def _respond(self, exchange: Exchange) -> None:
        await (self.on_any or self.ordinary)(exchange)

    async def ordinary(self, exchange: Exchange) -> None:
        """What it does unless `on_any` does something else."""
        method = exchange.message["method"]
        if method == "server/discover":
            if self.is_legacy:
                await exchange.answer(b"no", status="400 Bad Request")
            else:
                await exchange.result(DISCOVERED)
        elif method == "initialize":
            body = {"jsonrpc": "2.0", "id": exchange.id, "result": INITIALIZED}
            await exchange.answer(body, headers=f"Mcp-Session-Id: {self.session}\r\n")
        elif self.is_legacy and exchange.headers.get("mcp-session-id") != self.session:
            await exchange.answer(b"", status="404 Not Found")
        elif method == "ping":
            await exchange.result({})
        elif method == "tools/call":
            await self.on_call(exchange)
        elif method == "tools/list":
            await exchange.result({"tools": [{"name": "act", "inputSchema": {"type": "object"}}]})
        else:
            await exchange.answer(b"", status="202 Accepted")


def text_result(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": False}
