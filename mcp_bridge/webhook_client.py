"""Sends one delivery to an agent's webhook: signed, once, to an address that was judged, within ten seconds.

Standard Webhooks (headers webhook-id, webhook-timestamp, webhook-signature). The address is judged where the socket is
made, so that what is connected to is what was judged, whatever a name resolved to before or resolves to afterwards.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from governance.actions.deliveries import Answer, Attempt
from governance.addresses import why_refused
from governance.errors import Unreadable
from governance.sealing import unseal
from mcp_bridge.downstream.remote.web import ssl_context

TOTAL_SECONDS = 10.0
KEEPALIVE_SECONDS = 4.0
ANSWER_BYTES = 1024  # of a body are read, so that the connection can be used again; what is longer is cut off
ANSWER_SECONDS = 1.0
MOST_RESOLVING = 64


class AddressRefused(OSError):
    """Nothing may be sent to this address."""


def judged_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    """The socket for this very address. Raises AddressRefused."""
    family, kind, proto, _, sockaddr = addr_info
    if why := why_refused(str(sockaddr[0]), allow_private=settings.WEBHOOKS_ALLOW_PRIVATE):
        raise AddressRefused(f"refused: the receiver is {why}")
    made = socket.socket(family, kind, proto)
    made.setblocking(False)
    return made


class Resolver(AbstractResolver):
    """getaddrinfo on daemon threads: one that hangs keeps neither other names nor the end of the process waiting.

    Raises OSError, also when MOST_RESOLVING hang already.
    """

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(MOST_RESOLVING)

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[ResolveResult]:
        if not self._free.acquire(blocking=False):
            raise OSError(f"more than {MOST_RESOLVING} names are being resolved")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        threading.Thread(
            target=self._look, args=(loop, answer, host, port, family), name="resolve", daemon=True
        ).start()
        found = await answer
        if isinstance(found, Exception):
            raise found
        return [
            ResolveResult(
                hostname=host, host=sockaddr[0], port=sockaddr[1], family=found_family, proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found_family, _, proto, _, sockaddr in found
        ]

    def _look(
        self, loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[Any]", host: str, port: int, family: int
    ) -> None:
        found: Any
        try:
            found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        except OSError as error:
            found = error
        except UnicodeError:
            found = OSError("not a name")
        finally:
            self._free.release()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: answer.done() or answer.set_result(found))

    async def close(self) -> None:
        """Nothing is kept."""


class Client:
    """An event loop of its own on a daemon thread, begun with the first attempt: no receiver slows down a call."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None

    def start(self, attempt: Attempt, done: Callable[[Answer], None]) -> None:
        """Sends it and calls `done` on the loop's thread, within TOTAL_SECONDS and a little, whatever happens."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="webhooks", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._deliver(attempt, done), self._loop)

    def stop(self) -> None:
        """Breaks off what is being sent, which is sent again when its claim has lapsed."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(TOTAL_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _deliver(self, attempt: Attempt, done: Callable[[Answer], None]) -> None:
        try:
            answer = await self._send(attempt)
        except Exception as error:  # the edge to the network: whatever it was, it is tried again
            answer = Answer(attempt, error=_why(error))
        done(answer)

    async def _send(self, attempt: Attempt) -> Answer:
        headers = signed_headers(attempt)
        if self._session is None:
            self._session = _new_session()
        async with asyncio.timeout(TOTAL_SECONDS):
            response = await self._session.post(
                yarl.URL(attempt.url), data=attempt.body.encode(), headers=headers, allow_redirects=False
            )
        try:
            await _finish(response)
        finally:
            response.close()
        return Answer(attempt, response.status, "" if 200 <= response.status < 300 else f"HTTP {response.status}")


def signed_headers(attempt: Attempt) -> dict[str, str]:
    """The time in them is the attempt's, the id the delivery's. Raises Unreadable."""
    message_id, now = str(attempt.delivery_id), timezone.now()
    return {
        "content-type": "application/json", "user-agent": "atlas-gateway", "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(unseal(attempt.sealed_secret)).sign(message_id, now, attempt.body),
    }


def _new_session() -> aiohttp.ClientSession:
    """No cookies, no proxy of the environment, no remembered names; sockets by judged_socket alone."""
    connector = aiohttp.TCPConnector(
        limit=0, ssl=ssl_context(), keepalive_timeout=KEEPALIVE_SECONDS, use_dns_cache=False, resolver=Resolver(),
        socket_factory=judged_socket,
    )
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None), read_bufsize=ANSWER_BYTES,
    )


async def _finish(response: aiohttp.ClientResponse) -> None:
    """Reads a short body to its end, for the connection's sake. The status alone counts, so this cannot fail."""
    length = response.content_length
    if length is None or length > ANSWER_BYTES:
        return
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(ANSWER_SECONDS):
            await response.read()


def _why(error: Exception) -> str:
    """For the delivery log: what went wrong, without addresses, secrets or anything the receiver wrote."""
    if isinstance(error, Unreadable):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"no answer within {TOTAL_SECONDS:g} seconds"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its TLS certificate is not valid for this name"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "TLS could not be agreed on"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        if isinstance(cause, AddressRefused):
            return str(cause)
        return f"no connection ({cause.strerror or type(cause).__name__})"
    return f"the connection broke off or the answer was not HTTP ({type(error).__name__})"
