"""daphne in this process: the address taken first, and an end within two seconds whatever still hangs."""

import asyncio
import logging
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable

from daphne.server import Server  # first of all: it installs Twisted's asyncio reactor  # isort: skip
from django.conf import settings
from django.utils.module_loading import import_string
from twisted.internet import reactor

log = logging.getLogger(__name__)

EXIT_SECONDS = 1.8
BACKLOG = 128


class AddressNotFree(Exception):
    """The gateway cannot listen there; the message says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Listens at once: a second start ends before it touches anything, and early callers wait instead of failing.

    Raises AddressNotFree.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise AddressNotFree(
            f"Cannot listen on {host}:{port}: {error.strerror}. Stop what uses that address, or choose another one: "
            "ATLAS_PORT=8001 make run"
        ) from error
    return listener


def serve(listener: socket.socket, ready: Callable[[], Awaitable[None]]) -> None:
    """Serves until SIGINT or SIGTERM; `ready` runs in the server's loop as soon as it answers."""
    application = import_string(settings.ASGI_APPLICATION)
    listener.setblocking(False)
    server = Server(
        application, endpoints=[f"fd:fileno={listener.fileno()}"], server_name="", verbosity=0,
        ready_callable=lambda: reactor.callWhenRunning(_begin, ready),
    )
    reactor.addSystemEventTrigger("before", "shutdown", _end_in_time)
    server.run()


_tasks: set[asyncio.Future[None]] = set()


def _begin(ready: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.ensure_future(ready())
    _tasks.add(task)  # the loop itself keeps only a weak reference
    task.add_done_callback(_finished)


def _finished(task: asyncio.Future[None]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and task.exception() is not None:
        log.error("the gateway serves, but its start did not come to its end", exc_info=task.exception())


def _end_in_time() -> None:
    """Rows are durable, so a thread that is stuck in somebody's tool does not keep the process."""
    for task in list(_tasks):
        task.cancel()
    end = threading.Timer(EXIT_SECONDS, _exit)
    end.daemon = True
    end.start()


def _exit() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
