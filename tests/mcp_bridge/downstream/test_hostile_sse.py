"""Legacy SSE servers that break or lie."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from governance.errors import DownstreamFailed, DownstreamUnknown
from mcp_bridge.downstream.remote import Endpoint
from tests.mcp_bridge.downstream.hostile import INITIALIZED, text_result


@dataclass
class HostileSse:
    """Answers the handshake, and a call as `behaviour` says."""

    behaviour: str
    post_to: str = "/post"
    calls: int = 0
    streams: int = 0
    port: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    _stream: asyncio.StreamWriter | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Endpoint]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield Endpoint(
                key="old", kind="sse", url=f"http://127.0.0.1:{self.port}/sse", timeout_seconds=20,
                headers=(("Authorization", "Bearer secret"),), max_result_bytes=10_000,
            )
        finally:
            server.close()
            for writer in self._writers:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                self.headers = {name.lower(): value for name, value in lines}
                body = await reader.readexactly(int(self.headers.get("content-length", 0)))
                if head.startswith("GET"):
                    self.streams += 1
                    self._stream = writer
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                    writer.write(f"event: endpoint\ndata: {self.post_to}\n\n".encode())
                else:
                    await self._posted(json.loads(body), writer)

    async def _posted(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        is_call = message["method"] == "tools/call"
        self.calls += is_call
        status = self.behaviour if is_call and self.behaviour[:1].isdigit() else "202 Accepted"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        if message["method"] == "initialize":
            self._say({"id": message["id"], "result": INITIALIZED})
        elif is_call and self.behaviour == "ends":
            self._stream.close()
        elif is_call and self.behaviour == "nonsense":
            self._stream.write(b"data: nope\n\n")
        elif is_call and self.behaviour == "endless":
            begun = f'{{"jsonrpc":"2.0","id":{message["id"]},"result":{{"content":[{{"type":"text","text":"'
            self._stream.write(b"data: " + begun.encode())
            for _ in range(600):
                self._stream.write(b"y" * 10_000)
        elif is_call and self.behaviour == "fine":
            self._say({"id": message["id"], "result": text_result("done")})

    def _say(self, message: dict[str, Any]) -> None:
        self._stream.write(b"data: " + json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n")


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        ("ends", DownstreamUnknown, "ended before it answered|was lost|broke off"),
        ("nonsense", DownstreamUnknown, "a message that is not valid JSON"),
        ("500 Internal Server Error", DownstreamUnknown, "failed .HTTP 500"),
        ("303 See Other", DownstreamUnknown, "does not follow"),
        ("401 Unauthorized", DownstreamFailed, "credentials .HTTP 401"),
        ("404 Not Found", DownstreamFailed, "does not know the gateway's session"),
        ("413 Too Large", DownstreamFailed, "refused the request .HTTP 413"),
        ("308 Permanent Redirect", DownstreamFailed, "does not follow"),
    ],
)
async def test_the_call_is_sent_once_and_its_end_is_told_apart(pool, behaviour, kind, words):
    server = HostileSse(behaviour)
    async with server.running() as endpoint:
        with pytest.raises(kind, match=words):
            await pool.connection(endpoint).call("act", {})
        assert server.calls == 1


async def test_a_lost_stream_is_opened_again_by_the_next_call(pool):
    server = HostileSse("404 Not Found")
    async with server.running() as endpoint:
        with pytest.raises(DownstreamFailed):
            await pool.connection(endpoint).call("act", {})
        server.behaviour = "fine"
        assert (await pool.connection(endpoint).call("act", {})).content[0]["text"] == "done"
        assert server.streams == 2


async def test_messages_and_their_secrets_go_to_no_other_origin(pool):
    server = HostileSse("fine", post_to="http://localhost:1/post")
    async with server.running() as endpoint:
        with pytest.raises(DownstreamFailed, match="at another origin"):
            await pool.connection(endpoint).call("act", {})
        assert server.calls == 0


async def test_the_endpoints_headers_go_with_every_message(pool):
    server = HostileSse("fine")
    async with server.running() as endpoint:
        await pool.connection(endpoint).call("act", {})
        assert server.headers["authorization"] == "Bearer secret"


async def test_an_event_without_end_is_cut_and_ends_the_stream(pool):
    server = HostileSse("endless")
    async with server.running() as endpoint:
        result = await pool.connection(endpoint).call("act", {})
        assert result.content[0]["text"].startswith("yyy")
        assert len(json.dumps(result.as_json())) < 20_000
        assert "cut this result" in result.content[1]["text"]
        server.behaviour = "fine"
        assert (await pool.connection(endpoint).call("act", {})).content[0]["text"] == "done"
        assert server.streams == 2
