"""A network that fails: a relay between the gateway and its tool server that drops connections, and knows which.

    swallowed   the request is read and the connection closed; the server never sees the call
    lost        the server ran the call; its answer is thrown away and the connection reset
    torn        the same, after half of the answer
    idle        the answer is passed on whole, and the kept connection closed after it
"""

import random
import re
import socket
import struct
import threading
from contextlib import suppress
from typing import Self

from tests.bench.proxy.wire import whole

FATES = {"passed": 88, "swallowed": 3, "lost": 3, "torn": 3, "idle": 3}  # per cent
UNANSWERED = ("swallowed", "lost", "torn")
_TEXT = re.compile(rb'"(drop-\d+)"')


def reset(connection: socket.socket) -> None:
    """Closes so that the other side gets an error and not an end."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Faulty:
    """`fates` is text of a call → what became of it; only calls of the tool are dropped, never the reading of tools."""

    def __init__(self, port: int, seed: int) -> None:
        self.fates: dict[str, str] = {}
        self._server, self._random, self._lock = port, random.Random(seed), threading.Lock()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/mcp"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the end
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(connection,), daemon=True).start()

    def _relay(self, connection: socket.socket) -> None:
        with (
            suppress(OSError), connection,
            socket.create_connection(("127.0.0.1", self._server)) as server,
        ):  # fmt: skip
            for side in (connection, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (request := _read(connection)) and self._pass(request, connection, server):
                pass

    def _pass(self, request: bytes, connection: socket.socket, server: socket.socket) -> bool:
        """Handles one request; False when the connection has ended."""
        fate = self._fate(request)
        if fate == "swallowed":
            return False
        server.sendall(request)
        answer = _read(server)
        if fate in ("lost", "torn"):
            connection.sendall(answer[: len(answer) // 2] if fate == "torn" else b"")
            reset(connection)
            return False
        connection.sendall(answer)
        return fate != "idle"

    def _fate(self, request: bytes) -> str:
        call = _TEXT.search(request)
        if call is None:
            return "passed"
        with self._lock:
            (fate,) = self._random.choices(list(FATES), FATES.values())
            self.fates[call[1].decode()] = fate
        return fate


def _read(side: socket.socket) -> bytes:
    """One whole request or response; empty when the side has closed."""
    data = b""
    while whole(data) is None:
        more = side.recv(65536)
        if not more:
            return b""
        data += more
    return data
