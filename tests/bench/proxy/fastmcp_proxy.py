"""fastmcp's proxy, run by the Python of the peers: `fastmcp_proxy.py FD URL default|shared`.

default   a new client for every request, as `create_proxy(URL)` makes it
shared    one connected client for all requests: fastmcp's quickest way, which its documentation warns of

Answers are JSON and there are no sessions towards the caller, as with everything else in the bench.
"""

import asyncio
import socket
import sys

from fastmcp import Client
from fastmcp.server import create_proxy
from starlette.requests import Request
from starlette.responses import Response

VERSION = "2026-07-28"


async def serve(listener: socket.socket, url: str, is_shared: bool) -> None:
    if not is_shared:
        return await listen(listener, create_proxy(url, name="default"))
    async with Client(url, mode=VERSION) as client:
        await listen(listener, create_proxy(client, name="shared"))


async def listen(listener, proxy) -> None:
    @proxy.custom_route("/health/live", methods=["GET"])
    async def live(request: Request) -> Response:
        return Response()

    await proxy.run_http_async(
        show_banner=False, log_level="warning", stateless_http=True, json_response=True, sockets=[listener],
        uvicorn_config={"access_log": False},
    )


if __name__ == "__main__":
    number, url, kind = sys.argv[1:]
    asyncio.run(serve(socket.socket(fileno=int(number)), url, kind == "shared"))
