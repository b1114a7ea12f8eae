"""Serves on an inherited socket: `python -m tests.conformance.everything FD REVISION`.

Of revision 2025-11-25 it is a server of its time: whoever speaks a later one is refused, as such a server would do.
"""

import socket
import sys
import warnings
from contextlib import suppress
from typing import Any

import uvicorn
from mcp.shared.exceptions import MCPDeprecationWarning

from tests.conformance.everything.server import build_server

MODERN = b"2026-07-28"


def of_its_time(app: Any) -> Any:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and dict(scope["headers"]).get(b"mcp-protocol-version") == MODERN:
            await send({"type": "http.response.start", "status": 400, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"Bad Request: Unsupported protocol version"})
        else:
            await app(scope, receive, send)

    return application


if __name__ == "__main__":
    warnings.simplefilter("ignore", MCPDeprecationWarning)  # sampling and log messages are what is tested
    listener = socket.socket(fileno=int(sys.argv[1]))
    app = build_server().streamable_http_app()
    with suppress(KeyboardInterrupt):
        uvicorn.Server(
            uvicorn.Config(app if sys.argv[2] == MODERN.decode() else of_its_time(app), access_log=False,
                           log_level="warning")
        ).run(sockets=[listener])
