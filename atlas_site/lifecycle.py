"""What lives as long as the server process: the workflow's workers, announcements between processes, open agents.

uvicorn tells an application of its start and end (lifespan), daphne does not; both end here, so that a stop signal is
obeyed within two seconds with agents connected and calls held.
"""

import asyncio
import gc
import logging
import signal
import sys
import threading
from typing import Any

from django.conf import settings

from governance import events
from governance.workflow.workers import start_workers
from mcp_bridge import asgi as mcp
from mcp_bridge.downstream import remote
from mcp_bridge.downstream.servers import pool

log = logging.getLogger(__name__)

STOP_SECONDS = 1.0
LISTEN_AGAIN_SECONDS = 2.0

_workers: Any = None
_listening: asyncio.Task[None] | None = None
_loop: asyncio.AbstractEventLoop | None = None


def begin_process() -> None:
    """At import of the ASGI application: unfinished runs go on without waiting for a request."""
    global _workers
    if settings.RUN_WORKERS and _workers is None:
        _workers = start_workers()
    if "daphne.server" in sys.modules:
        from twisted.internet import reactor  # only daphne's own reactor; importing it elsewhere would install one

        _bound_bodies()
        # A moment later: Twisted tells of its start before the loop under it runs.
        reactor.callWhenRunning(reactor.callLater, 0, begin_loop)
        reactor.addSystemEventTrigger("before", "shutdown", _stop_under_twisted)


def _bound_bodies() -> None:
    """daphne reads a whole body before it asks the application: keep one byte more than allowed and drop the rest.

    The application still sees a body that is too large, and answers 413, without the memory it would have taken.
    """
    from daphne.http_protocol import WebRequest

    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1

    def handle_chunk(request: WebRequest, data: bytes) -> None:
        room = limit - request.content.tell()
        if room > 0:
            request.content.write(data[:room])

    WebRequest.handleContentChunk = handle_chunk


def begin_loop() -> None:
    """In the server's loop, as early as the server allows; repeated with every request, at no cost."""
    global _loop, _listening
    loop = asyncio.get_running_loop()
    if _loop is loop:
        return
    _loop = loop
    events.use_loop(loop)
    remote.use_loop(loop)
    if settings.REDIS_URL:
        _listening = loop.create_task(_listen())


async def _listen() -> None:
    """Hears the other processes, and begins again when Redis was away; the rows stay the truth meanwhile."""
    while True:
        try:
            await events.listen()
        except events.LAYER_ERRORS as error:
            log.warning("announcements of other processes are not heard: %s", error)
        await asyncio.sleep(LISTEN_AGAIN_SECONDS)


async def stop() -> None:
    """Closes the agents' streams and stops the workers within a second. Nothing is lost: rows live on."""
    global _workers, _loop
    workers, _workers = _workers, None
    if _listening is not None:
        _listening.cancel()
    events.use_loop(None)
    _loop = None
    ends = [mcp.stop(), _leave_tool_servers()]
    if workers is not None:
        ends.append(asyncio.to_thread(workers.stop, STOP_SECONDS))
    await asyncio.gather(*ends)
    gc.freeze()  # spares the interpreter its last walk over every object: up to two seconds on a busy machine


async def _leave_tool_servers() -> None:
    """Calls under way end as lost; the outcome of what may have run is unknown."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await pool.close_all()
    except TimeoutError:
        log.warning("some tool servers did not close in time")
    remote.use_loop(None)


def _stop_under_twisted() -> Any:
    from twisted.internet import defer

    return defer.Deferred.fromFuture(asyncio.ensure_future(stop()))


async def lifespan(receive: Any, send: Any) -> None:
    """The lifespan protocol (uvicorn)."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            begin_loop()
            await mcp.start()
            _close_streams_on_signals()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await stop()
            return await send({"type": "lifespan.shutdown.complete"})


def _close_streams_on_signals() -> None:
    """uvicorn waits for open responses before it says that it stops, so its agents must go at the signal itself."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        server_stops = signal.getsignal(number)
        if not callable(server_stops):
            continue

        def stop_both(signum: int, frame: Any, server_stops: Any = server_stops) -> None:
            server_stops(signum, frame)
            loop.call_soon_threadsafe(lambda: loop.create_task(mcp.stop()))

        signal.signal(number, stop_both)
