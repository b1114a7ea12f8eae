"""MCP clients on raw sockets: so little of a call is the client's that the servers can be compared.

One client is one session on loopback. `call` raises WireError on anything but a JSON-RPC result.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, Self

MODERN, LEGACY = "2026-07-28", "2025-11-25"
ANSWER_SECONDS = 60.0
MAX_LINE = 4 * 1024 * 1024
_INFO = {"name": "bench", "version": "1"}
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": _INFO,
    "io.modelcontextprotocol/clientCapabilities": {},
}


class WireError(Exception):
    """The server did not answer as it should."""


class Client(Protocol):
    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]: ...

    async def close(self) -> None: ...


class Connection:
    """One keep-alive HTTP/1.1 connection."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self._standing = f"Host: 127.0.0.1:{port}\r\n" + (f"Authorization: Bearer {token}\r\n" if token else "")

    async def open(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=MAX_LINE)
        return self

    def send(self, method: str, path: str, headers: str, body: bytes = b"") -> None:
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{self._standing}{length}{headers}\r\n".encode() + body)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next response; names in lower case."""
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = (line.partition(":") for line in lines[1:] if line)
        return int(lines[0].split(" ", 2)[1]), {name.lower(): value.strip() for name, _, value in headers}

    async def chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self._reader.readline() or b"0", 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        with suppress(asyncio.IncompleteReadError):
            await self._reader.readexactly(2)

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        status, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, b"".join([chunk async for chunk in self.chunks()])
        return status, headers, await self._reader.readexactly(int(headers.get("content-length", 0)))

    async def post(self, path: str, headers: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.send("POST", path, headers, body)
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self.response()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


def _message(number: int | None, method: str, params: dict[str, Any]) -> bytes:
    body = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(body if number is None else {**body, "id": number}).encode()


def _hello() -> dict[str, Any]:
    return {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": _INFO}


def _result(message: dict[str, Any]) -> dict[str, Any]:
    if "result" not in message:
        raise WireError(f"no result: {str(message)[:500]}")
    return message["result"]


def _last_data(body: bytes) -> dict[str, Any]:
    """The answer in a body that is JSON or an event stream."""
    text = body.decode()
    if text.startswith("{"):
        return json.loads(text)
    lines = [line[5:] for line in text.splitlines() if line.startswith("data:") and line[5:].strip()]
    if not lines:
        raise WireError(f"no answer: {text[:500]}")
    return json.loads(lines[-1])


class HttpClient:
    """Streamable HTTP; of 2026 without a session, of 2025 with one."""

    def __init__(self, port: int, token: str, version: str) -> None:
        self._connection, self._version, self._number = Connection(port, token), version, 0
        self._headers = (
            f"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
            f"MCP-Protocol-Version: {version}\r\n"
        )

    async def open(self) -> Self:
        await self._connection.open()
        if self._version == LEGACY:
            hello = _message(0, "initialize", _hello())
            _, headers, body = await self._connection.post("/mcp", self._headers, hello)
            _result(_last_data(body))
            self._headers += f"Mcp-Session-Id: {headers['mcp-session-id']}\r\n"
            await self._connection.post("/mcp", self._headers, _message(None, "notifications/initialized", {}))
        return self

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        params: dict[str, Any] = {"name": tool, "arguments": arguments}
        headers = self._headers
        if self._version == MODERN:
            params["_meta"] = _META
            headers += f"Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
        _, _, body = await self._connection.post("/mcp", headers, _message(self._number, "tools/call", params))
        return _result(_last_data(body))

    async def close(self) -> None:
        await self._connection.close()


class SseClient:
    """HTTP+SSE. `post` is the connection for messages; several idle sessions may share one."""

    def __init__(self, port: int, token: str, post: Connection | None = None) -> None:
        self._stream, self._post = Connection(port, token), post or Connection(port, token)
        self._owns_post, self._number = post is None, 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._endpoint: asyncio.Future[str] | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> Self:
        self._endpoint = asyncio.get_running_loop().create_future()
        await self._stream.open()
        if self._owns_post:
            await self._post.open()
        self._stream.send("GET", "/mcp/sse", "Accept: text/event-stream\r\n")
        status, _ = await self._stream.head()
        if status != 200:
            raise WireError(f"the event stream was refused with {status}")
        self._reading = asyncio.create_task(self._read())
        async with asyncio.timeout(ANSWER_SECONDS):
            self._path = await self._endpoint
        await self._ask("initialize", _hello())
        await self._tell(_message(None, "notifications/initialized", {}))
        return self

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return await self._ask("tools/call", {"name": tool, "arguments": arguments})

    async def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._answers[self._number] = answer = asyncio.get_running_loop().create_future()
        await self._tell(_message(self._number, method, params))
        async with asyncio.timeout(ANSWER_SECONDS):
            return _result(await answer)

    async def _tell(self, message: bytes) -> None:
        status, _, body = await self._post.post(self._path, "Content-Type: application/json\r\n", message)
        if status != 202:
            raise WireError(f"a message was refused with {status}: {body[:300]!r}")

    async def _read(self) -> None:
        event, text = "", ""
        async for chunk in self._stream.chunks():
            text += chunk.decode()
            *lines, text = text.replace("\r\n", "\n").split("\n")
            for line in lines:
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data" and event == "endpoint":
                    self._endpoint.set_result(value)
                elif name == "data":
                    message = json.loads(value)
                    if (waiting := self._answers.pop(message.get("id"), None)) is not None:
                        waiting.set_result(message)

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        await self._stream.close()
        if self._owns_post:
            await self._post.close()


TRANSPORTS: dict[str, Callable[[int, str], Any]] = {
    "HTTP 2026": lambda port, token: HttpClient(port, token, MODERN),
    "HTTP 2025": lambda port, token: HttpClient(port, token, LEGACY),
    "SSE": SseClient,
}


@asynccontextmanager
async def clients(transport: str, port: int, token: str, count: int = 1) -> AsyncIterator[list[Client]]:
    opened: list[Client] = []
    try:
        for _ in range(count):
            client = TRANSPORTS[transport](port, token)
            opened.append(client)
            await client.open()
        yield opened
    finally:
        for client in opened:
            await client.close()
