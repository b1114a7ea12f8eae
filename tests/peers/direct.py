"""A peer without the gateway: what its results have to be equal to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult


@asynccontextmanager
async def directly(command: list[str], cwd: Path) -> AsyncIterator[Client]:
    """A client of the stdio server that this command starts."""
    server = StdioServerParameters(command=command[0], args=command[1:], cwd=cwd)
    with (cwd / "peer.log").open("w") as log:
        async with Client(stdio_client(server, errlog=log)) as client:
            yield client


def said(result: CallToolResult) -> dict[str, Any]:
    """What a tool said, as it stands on the wire; not who carried it."""
    body = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: body[key] for key in ("content", "structuredContent", "isError") if key in body}
