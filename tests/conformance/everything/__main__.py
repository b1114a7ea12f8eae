"""Serves on an inherited socket: `python -m tests.conformance.everything FD`."""

import socket
import sys
import warnings
from contextlib import suppress

import uvicorn
from mcp.shared.exceptions import MCPDeprecationWarning

from tests.conformance.everything.server import build_server

if __name__ == "__main__":
    warnings.simplefilter("ignore", MCPDeprecationWarning)  # sampling and log messages are what is tested
    listener = socket.socket(fileno=int(sys.argv[1]))
    with suppress(KeyboardInterrupt):
        uvicorn.Server(
            uvicorn.Config(build_server().streamable_http_app(), access_log=False, log_level="warning")
        ).run(sockets=[listener])
