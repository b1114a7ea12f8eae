"""The process's one HTTP client and its one SSL context; bounded reading of bodies."""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator
from functools import cache

import aiohttp

from mcp_bridge.downstream.remote.endpoint import Endpoint
from mcp_bridge.downstream.remote.faults import Lost, Refused, TooLarge, Unreachable

CONNECT_SECONDS = 10.0
# A pooled connection that the server closes while the next request is under way makes that call's outcome unknown.
# uvicorn and Node close after 5 idle seconds, others later: the gateway lets go earlier than any of them.
KEEPALIVE_SECONDS = 4.0
ERROR_BODY_BYTES = 16 * 1024
# Of an answer past its limit so much more is read, and thrown away, to reach its end: isError stands there.
OVERRUN_BYTES = 8 * 1024 * 1024
TAIL_BYTES = 256
LIBRARY_ERRORS = (aiohttp.ClientError, zlib.error, OSError)
_RESERVED = frozenset({
    "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "last-event-id",
    "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id", "te", "transfer-encoding", "upgrade",
})
_BOTH = zlib.MAX_WBITS | 32  # gzip or zlib, told by the header


@cache
def ssl_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def new_session() -> aiohttp.ClientSession:
    """No cookies (they would pass from team to team), no redirects, no automatic decompression, no proxy of the
    environment. Concurrency is bounded per server, not here."""
    connector = aiohttp.TCPConnector(
        limit=0, ssl=ssl_context(), keepalive_timeout=KEEPALIVE_SECONDS, ttl_dns_cache=60
    )
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
    )


def fault(error: Exception, key: str) -> Exception:
    """A client library's error as one of ours; the one question is whether anything can have been sent."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        why = getattr(error, "os_error", None) or "no connection in time"
        return Unreachable(f"The tool server {key} cannot be reached ({why}). Nothing was sent.")
    if isinstance(error, aiohttp.InvalidURL):
        return Refused(f"The address of the tool server {key} is not valid. Nothing was sent.")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return Lost(f"The tool server {key} closed the connection before it answered.")
    if isinstance(error, aiohttp.ClientPayloadError | zlib.error):
        return Lost(f"The answer of the tool server {key} broke off or was garbled.")
    if isinstance(error, aiohttp.ClientResponseError):
        return Lost(f"The tool server {key} did not answer in valid HTTP.")
    return Lost(f"The connection to the tool server {key} was lost ({type(error).__name__}).")


def own_headers(endpoint: Endpoint) -> dict[str, str]:
    """The administrator's headers without those that the transport itself writes."""
    given = {name: value for name, value in endpoint.headers if name.lower() not in _RESERVED}
    return {"User-Agent": "atlas-gateway", **given, "Accept-Encoding": "identity"}


async def read_body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The decompressed body. Raises TooLarge past `max_bytes`, with its end if that comes within OVERRUN_BYTES."""
    declared = response.content_length
    if declared is not None and declared <= max_bytes and "Content-Encoding" not in response.headers:
        return await response.read()
    body, pieces = bytearray(), chunks(response)
    async for chunk in pieces:
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge(bytes(body[:max_bytes]), await read_tail(pieces, bytes(body)))
    return bytes(body)


async def read_tail(pieces: AsyncIterator[bytes], so_far: bytes) -> bytes:
    """The last bytes of a body, the rest of which is thrown away; empty when it does not end within OVERRUN_BYTES."""
    tail, size = so_far[-TAIL_BYTES:], 0
    async for chunk in pieces:
        tail, size = (tail + chunk)[-TAIL_BYTES:], size + len(chunk)
        if size > OVERRUN_BYTES:
            return b""
    return tail


async def chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The decompressed body piece by piece, none larger than 64 KiB, however well it was compressed."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        async for chunk in response.content.iter_any():
            yield chunk
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Lost(f"The answer is compressed as {encoding[:40]!r}, which was not asked for.")
    inflate = zlib.decompressobj(_BOTH)
    async for chunk in response.content.iter_any():
        while chunk:
            if plain := inflate.decompress(chunk, 65536):
                yield plain
            chunk = inflate.unconsumed_tail
            await asyncio.sleep(0)  # a bomb must not hold the loop


async def error_body(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await read_body(response, ERROR_BODY_BYTES)
    except TooLarge as large:
        return large.head
