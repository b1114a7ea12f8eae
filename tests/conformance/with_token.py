"""A reverse proxy that adds `Authorization: Bearer …` to every request: the conformance suite cannot send it.

    with TokenProxy("127.0.0.1", gateway.port, gateway.agent_token) as proxy:
        proxy.url

Requests are read head by head, as connections are kept alive; answers pass byte by byte as they come, so that streams
stay streams. A Host or Origin that names the proxy names the gateway behind it; any other passes as it is.
"""

import asyncio
import contextlib
import threading
from typing import Self

HEAD_BYTES = 64 * 1024
START_SECONDS = 10


class TokenProxy:
    def __init__(self, host: str, port: int, token: str) -> None:
        self.upstream, self.token = (host, port), token
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="token-proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(START_SECONDS), "the token proxy did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(START_SECONDS)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            tasks.add(task)
            try:
                await self._connection(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass  # one side went away
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=HEAD_BYTES)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(*self.upstream)
        try:
            back = asyncio.create_task(_copy(answers, writer))
            forth = asyncio.create_task(self._requests(reader, requests))
            _, pending = await asyncio.wait({back, forth}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(back, forth, return_exceptions=True)
        finally:
            requests.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head[:-4].split(b"\r\n")
            headers = [line for line in lines[1:] if not line.lower().startswith(b"authorization:")]
            here, there = f"127.0.0.1:{self.port}".encode(), ":".join(map(str, self.upstream)).encode()
            headers = [
                line.replace(here, there) if line.lower().startswith((b"host:", b"origin:")) else line
                for line in headers
            ]
            token = b"Authorization: Bearer " + self.token.encode()
            writer.write(b"\r\n".join([lines[0], *headers, token, b"", b""]))
            await _body(reader, writer, headers)
            await writer.drain()


async def _body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: list[bytes]) -> None:
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in headers)}
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        while True:
            size = await reader.readline()
            writer.write(size + await reader.readexactly(int(size.split(b";")[0], 16) + 2))
            if int(size.split(b";")[0], 16) == 0:
                return
    writer.write(await reader.readexactly(int(fields.get(b"content-length", 0))))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(HEAD_BYTES):
        writer.write(data)
        await writer.drain()
