"""A few calls of the demo agent through real MCP over SSE, so that a new queue shows something real.

An agent like any other: the official client, over the network, with its token. Nothing here knows the database.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp import ClientSession, types
from mcp.client.sse import sse_client

PENDING = "PENDING REVIEW"
SECONDS_AT_MOST = 30
ASK_AGAIN_SECONDS = 0.1

LOOKED_UP = "check_payment_status", {
    "beneficiary_id": "BEN-123",
    "governance_reason": "Ada Obi asks when her next payment arrives.",
}
WAITING = "request_payment_extension", {
    "beneficiary_id": "BEN-123",
    "reason": "Ada Obi lost her job and cannot pay the rent before the housing office decides.",
    "days": 30,
    "governance_reason": "Ada Obi asked me to extend her payments by 30 days.",
}
REFUSED = "check_payment_status", {
    "beneficiary_id": "BEN-321",
    "governance_reason": "The caller gave this number; I look up whose it is.",
}
READ = "sandbox__fs_read", {"path": "README.txt", "governance_reason": "I look what this folder is for."}
WRITTEN = "sandbox__fs_write", {
    "path": "notes/ada-obi.txt",
    "content": "Ada Obi asked for 30 more days. Waiting for Sarah.\n",
    "governance_reason": "I note what I asked for on behalf of Ada Obi.",
}
DENIED = "sandbox__shell_exec", {"argv": ["ls", "notes"], "governance_reason": "I look for older notes."}


class DemoFailed(Exception):
    """A call did not go the way it should; the message says which and what came instead."""


@dataclass(frozen=True)
class Played:
    """One line for the banner: how the call ended, by which tool, and its reference."""

    outcome: str
    tool: str
    reference: str


async def play(url: str, token: str) -> list[Played]:
    """The calls, in the order of their outcomes. Raises DemoFailed, also when time is up."""
    left: list[asyncio.Task[Any]] = []
    try:
        async with asyncio.timeout(SECONDS_AT_MOST), connected(url, token) as session:
            return [
                await _finish(session, LOOKED_UP, "auto-approved and executed", is_error=False),
                await _leave_waiting(session, WAITING, left),
                await _finish(session, REFUSED, "auto-approved, refused by the tool", is_error=True),
                await _finish(session, READ, "allowed by rule sandbox-reads", is_error=False),
                await _leave_waiting(session, WRITTEN, left),
                await _finish(session, DENIED, "denied by rule sandbox-rest", is_error=True),
            ]
    except TimeoutError:
        raise DemoFailed(f"the gateway did not answer within {SECONDS_AT_MOST} seconds") from None
    except ExceptionGroup as group:
        raise DemoFailed("; ".join(str(error) for error in _leaves(group))) from group
    finally:
        for call in left:
            call.cancel()
        await asyncio.gather(*left, return_exceptions=True)


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncIterator[ClientSession]:
    """An initialized session of the official client, over SSE."""
    async with (
        sse_client(
            f"{url}/mcp/sse", headers={"Authorization": f"Bearer {token}"}, httpx_client_factory=_direct
        ) as (incoming, outgoing),
        ClientSession(incoming, outgoing) as session,
    ):
        await session.initialize()
        yield session


def _direct(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
    """A client that no HTTP_PROXY of the environment leads away from this machine."""
    return httpx2.AsyncClient(headers=headers, timeout=timeout, auth=auth, trust_env=False)


async def _finish(
    session: ClientSession, call: tuple[str, dict[str, Any]], outcome: str, *, is_error: bool
) -> Played:
    """Makes a call that a tool answers at once."""
    result = await session.call_tool(*call)
    text = text_of(result)
    if bool(result.is_error) != is_error or text.startswith(PENDING):
        raise DemoFailed(f"{call[0]} answered: {text}")
    return Played(outcome, call[0], (result.meta or {}).get("atlas/reference", ""))


async def _leave_waiting(
    session: ClientSession, made: tuple[str, dict[str, Any]], left: list[asyncio.Task[Any]]
) -> Played:
    """Makes the call and goes on as soon as it waits for a person.

    Nobody cancels it, which would take it back: it is left when the connection ends, and the request lives on.
    """
    tool, arguments = made
    call = asyncio.create_task(session.call_tool(tool, arguments))
    left.append(call)
    while not call.done():
        for request in await open_requests(session):
            if request["tool"] == tool and request["status"] == "in_review":
                return Played("waits for you", tool, request["reference"])
        await asyncio.wait([call], timeout=ASK_AGAIN_SECONDS)
    answered = call.result()
    if not text_of(answered).startswith(PENDING):
        raise DemoFailed(f"{tool} answered: {text_of(answered)}")
    return Played("waits for you", tool, (answered.structured_content or {}).get("reference", ""))


async def open_requests(session: ClientSession) -> list[dict[str, Any]]:
    status = await session.call_tool("check_status", {})
    return (status.structured_content or {}).get("open_requests", [])


def text_of(result: types.CallToolResult) -> str:
    return " ".join(block.text for block in result.content if isinstance(block, types.TextContent))


def _leaves(group: BaseExceptionGroup) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]
