"""uvicorn on an inherited socket: `python -m tests.serve_uvicorn FD APPLICATION`.

Its own --fd takes any socket for a Unix one: asyncio then leaves TCP_NODELAY unset and answers wait 40 ms for an ACK.
"""

import socket
import sys
from contextlib import suppress

import uvicorn

if __name__ == "__main__":
    listener = socket.socket(fileno=int(sys.argv[1]))
    with suppress(KeyboardInterrupt):  # as uvicorn's own command does
        uvicorn.Server(uvicorn.Config(sys.argv[2], access_log=False)).run(sockets=[listener])
