"""SseCarrier: the HTTP+SSE transport from before 2025-03-26. One GET stream brings messages, POSTs take them."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
from yarl import URL

from mcp_bridge.downstream.remote.duplex import MESSAGE_BYTES
from mcp_bridge.downstream.remote.endpoint import Endpoint
from mcp_bridge.downstream.remote.events import Event, EventParser
from mcp_bridge.downstream.remote.faults import Lost, Refused, SessionLost, Unauthorized
from mcp_bridge.downstream.remote.web import CONNECT_SECONDS, LIBRARY_ERRORS, chunks, fault, own_headers

ENDPOINT_BYTES = 4096


class SseCarrier:
    unused_seconds = 30.0  # a stream can be dead for long without showing it

    def __init__(self, endpoint: Endpoint, session: aiohttp.ClientSession) -> None:
        self._key, self._url, self._session = endpoint.key, URL(endpoint.url), session
        self._headers = own_headers(endpoint)
        self._parser = EventParser(max(MESSAGE_BYTES, endpoint.max_result_bytes + ENDPOINT_BYTES))
        self._response: aiohttp.ClientResponse
        self._pieces: AsyncIterator[bytes]
        self._events: Iterator[Event] = iter(())
        self._to: URL

    @classmethod
    async def start(cls, endpoint: Endpoint, session: aiohttp.ClientSession) -> "SseCarrier":
        """Opens the stream and learns where to post. Raises Unreachable, Refused and Lost."""
        carrier = cls(endpoint, session)
        try:
            await carrier._open()
        except LIBRARY_ERRORS as error:
            raise fault(error, endpoint.key) from error
        return carrier

    async def _open(self) -> None:
        self._response = await self._session.get(
            self._url, headers={**self._headers, "Accept": "text/event-stream"}, allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
        )
        try:
            self._check(self._response)
            if self._response.content_type != "text/event-stream":
                raise Refused(f"The tool server {self._key} opened no event stream. Nothing was sent.")
            self._pieces = chunks(self._response)
            event = await self._next()
            if event is None or event.name != "endpoint" or len(event.data) > ENDPOINT_BYTES:
                raise Refused(f"The tool server {self._key} did not say where to post. Nothing was sent.")
            self._to = self._joined(event.data.decode("utf-8", "replace").strip())
        except BaseException:
            self._response.close()
            raise

    def _joined(self, address: str) -> URL:
        """Only at the origin that the administrator named: the headers may hold a secret."""
        try:
            joined = self._url.join(URL(address))
            same = joined.origin() == self._url.origin()
        except ValueError:
            same = False
        if not same:
            raise Refused(f"The tool server {self._key} wants its messages at another origin. Nothing was sent.")
        return joined

    async def send(self, body: bytes) -> None:
        try:
            async with self._session.post(
                self._to, data=body, headers={**self._headers, "Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                self._check(response)
        except LIBRARY_ERRORS as error:
            raise fault(error, self._key) from error

    def _check(self, response: aiohttp.ClientResponse) -> None:
        status, key = response.status, self._key
        if status < 300:
            return
        if status in (401, 403):
            raise Unauthorized(
                f"The tool server {key} refused the gateway's credentials (HTTP {status}). Nothing was run."
            )
        if status == 404:
            self._response.close()  # the session is gone; the next request opens another one
            raise SessionLost(f"The tool server {key} does not know the gateway's session any more. Nothing was run.")
        if status < 400:
            text = f"The tool server {key} redirects (HTTP {status}), which the gateway does not follow."
            raise Lost(text) if status in (302, 303) else Refused(f"{text} Nothing was run.")
        if status < 500 and status != 408:
            raise Refused(f"The tool server {key} refused the request (HTTP {status}). Nothing was run.")
        raise Lost(f"The tool server {key} failed (HTTP {status}).")

    async def receive(self) -> bytes | None:
        while (event := await self._next()) is not None:
            if event.name == "message" and event.data:
                return event.data
        return None

    async def _next(self) -> Event | None:
        try:
            while True:
                if (event := next(self._events, None)) is not None:
                    return event
                chunk = await anext(self._pieces, None)
                if chunk is None:
                    return None
                self._events = self._parser.feed(chunk)
        except LIBRARY_ERRORS as error:
            raise fault(error, self._key) from error

    async def why_ended(self) -> str:
        return ""

    async def close(self) -> None:
        self._response.close()
