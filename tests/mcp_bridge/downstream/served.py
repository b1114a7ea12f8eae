"""The SDK's server behind uvicorn on a port of its own, in a thread of the tests."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any, Literal

import uvicorn
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from tests.mcp_bridge.downstream.everything import Everything
from tests.waiting import wait_for

Transport = Literal["http", "http-json", "http-legacy", "http-legacy-json", "http-legacy-stateless", "sse"]


@contextlib.contextmanager
def serving(everything: Everything, transport: Transport) -> Iterator[str]:
    """The server's address. http-legacy refuses 2026-07-28 as a server from before it does."""
    app = _sse(everything) if transport == "sse" else _http(everything, transport)
    with run_app(app) as origin:
        yield f"{origin}/sse" if transport == "sse" else f"{origin}/mcp"


@contextlib.contextmanager
def run_app(app: Any, port: int = 0) -> Iterator[str]:
    # With its protocol named: else asyncio does not switch Nagle's algorithm off, and each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, lifespan="on", log_level="error", access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_for(lambda: server.started, "uvicorn")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def _http(everything: Everything, transport: str) -> Any:
    manager = StreamableHTTPSessionManager(
        app=everything.server, json_response=transport.endswith("json"), stateless=transport.endswith("stateless")
    )
    everything.manager = manager
    stack = contextlib.AsyncExitStack()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await stack.enter_async_context(manager.run())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await stack.aclose()
            await send({"type": "lifespan.shutdown.complete"})
        elif "legacy" in transport and _asks_for_2026(scope):
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b"Bad Request: Unsupported protocol version"})
        else:
            await manager.handle_request(scope, receive, send)

    return app


def _asks_for_2026(scope: Any) -> bool:
    return dict(scope["headers"]).get(b"mcp-protocol-version") == b"2026-07-28"


def _sse(everything: Everything) -> Any:
    transport = SseServerTransport("/messages/")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["path"].startswith("/messages/"):
            await transport.handle_post_message(scope, receive, send)
        else:
            async with transport.connect_sse(scope, receive, send) as (incoming, outgoing):
                await everything.server.run(
                    incoming, outgoing, everything.server.create_initialization_options()
                )

    return app
