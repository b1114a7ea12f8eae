"""The official Python client on every transport and protocol era."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from anyio import BrokenResourceError
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

WAIT_SECONDS = 30
REFERENCE = re.compile(r"evt_[0-9a-f]{16}")
WAYS = ["sse", "sse-2026", "http-2025", "http-2026"]


@asynccontextmanager
async def connect(url: str, way: str, token: str, **options: Any) -> AsyncIterator[Client]:
    """A client that has said hello. `way`: transport and protocol era, one of WAYS (SSE speaks both, like stdio).

    `options` are the SDK's: elicitation_callback, message_handler, extensions.
    """
    is_leaving = False
    try:
        async with _connected(url, way, token, **options) as client:
            yield client
            is_leaving = True
    except* BrokenResourceError:
        # The SDK's client stumbles over an answer to a call in flight that comes in the moment it leaves.
        if not is_leaving:
            raise


@asynccontextmanager
async def _connected(url: str, way: str, token: str, **options: Any) -> AsyncIterator[Client]:
    transport, _, era = way.partition("-")
    mode = "auto" if era == "2026" else "legacy"  # auto discovers the newest, 2026-07-28
    headers = {"Authorization": f"Bearer {token}"}
    if transport == "sse":
        async with Client(sse_client(f"{url}/mcp/sse", headers=headers), mode=mode, **options) as client:
            yield client
        return
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode, **options) as client,
    ):
        yield client


class Held:
    """A call that waits for a person: its reference as soon as progress told it, then its result."""

    def __init__(self, client: Client, tool: str, arguments: dict[str, Any], **options: Any) -> None:
        self.notes: list[str] = []
        self._told = asyncio.Event()
        self._task = asyncio.ensure_future(
            client.call_tool(tool, arguments, progress_callback=self._note, **options)
        )

    async def _note(self, progress: float, total: float | None, message: str | None) -> None:
        self.notes.append(message or "")
        self._told.set()

    async def reference(self) -> str:
        async with asyncio.timeout(WAIT_SECONDS):
            await self._told.wait()
        return REFERENCE.search(self.notes[-1]).group()

    async def result(self) -> CallToolResult:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._task

    def cancel(self) -> None:
        self._task.cancel()

    async def ended(self) -> None:
        """Whatever became of it."""
        await asyncio.wait([self._task], timeout=WAIT_SECONDS)
        if not self._task.cancelled():
            self._task.exception()


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")


async def wait_for_status(client: Client, reference: str, *statuses: str) -> CallToolResult:
    """Asks check_status until the request has one of these statuses; bounded."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            answer = await client.call_tool("check_status", {"reference": reference})
            if answer.structured_content["status"] in statuses:
                return answer
            await asyncio.sleep(0.05)
