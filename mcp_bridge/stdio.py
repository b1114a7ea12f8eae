"""MCP on standard input and output: the gateway in this process, or a thin bridge to one that runs elsewhere.

Nothing but JSON-RPC is ever written to stdout. The session ends with stdin; requests live on in their rows.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
from django.db import IntegrityError, connection
from mcp.client.sse import sse_client
from mcp.server.stdio import stdio_server
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.message import SessionMessage

from governance import actions
from governance.errors import GovernanceError, InvalidArguments, NotAllowed
from governance.models import Agent, Team
from mcp_bridge.auth import Caller, callers
from mcp_bridge.server import FindCaller, build_server

log = logging.getLogger(__name__)

LOCAL_AGENT = "stdio"

Lost = Callable[[str], None]


class GatewayLost(GovernanceError):
    """The gateway behind the bridge refuses the token or cannot be reached."""


async def serve(find_caller: FindCaller) -> None:
    """Serves until stdin closes."""
    server = build_server(find_caller)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def caller_of_token(token: str) -> FindCaller:
    """Looks the token up for every message, so that revoking it ends the session's rights."""

    async def find() -> Caller | None:
        return await callers.find(token)

    return find


def local_caller() -> FindCaller:
    """The agent `stdio` of the default team, made on first use. Whoever may read the database file may be it.

    Raises NotAllowed on a database server, which others share: there a token says who is calling.
    """
    if connection.vendor != "sqlite":
        raise NotAllowed("ATLAS_AGENT_TOKEN is not set. On a shared database every agent needs its token.")
    team = Team.objects.default()
    agent = Agent.objects.filter(team=team, name=LOCAL_AGENT).first() or _make_local_agent(team)
    caller = Caller(agent.pk, agent.name, agent.team_id)

    async def find() -> Caller:
        return caller

    return find


def _make_local_agent(team: Team) -> Agent:
    try:
        agent, _ = actions.create_agent(LOCAL_AGENT, team=team)
    except (InvalidArguments, IntegrityError):  # another session was faster
        return Agent.objects.get(team=team, name=LOCAL_AGENT)
    for token in agent.tokens.all():  # nobody was shown it
        actions.revoke_token(token)
    return agent


# -- the bridge ------------------------------------------------------------------------------


async def bridge(url: str, token: str, lost: Lost) -> None:
    """Passes messages on, unread, in both directions until stdin closes.

    Raises GatewayLost when there is no gateway to begin with; calls `lost` when it goes away later, since a thread that
    is blocked in reading stdin would keep an exception from getting out.
    """
    base = url.rstrip("/").removesuffix("/sse").removesuffix("/mcp")

    async def note_refusal(response: httpx2.Response) -> None:
        # The SDK's client only logs a refused message, whose answer then never comes: end the session instead.
        if response.status_code >= 400 and response.request.method == "POST":
            lost(f"The gateway at {base} answered {response.status_code} {response.reason_phrase} to a message.")

    async with (
        _gateway(f"{base}/mcp/sse", token, note_refusal) as (from_gateway, to_gateway),
        stdio_server() as (from_agent, to_agent),
        anyio.create_task_group() as both,
    ):

        async def inward() -> None:
            async for message in from_gateway:
                if isinstance(message, Exception):
                    log.warning("the stream of the gateway broke: %s", message)
                    break
                await to_agent.send(SessionMessage(message.message))
            lost(f"The gateway at {base} closed the connection.")

        both.start_soon(inward)
        async for message in from_agent:
            if isinstance(message, Exception):
                log.warning("a line that is no JSON-RPC message was ignored")
                continue
            await to_gateway.send(SessionMessage(message.message))
        both.cancel_scope.cancel()
        await to_agent.aclose()  # stdio_server ends only when nobody can write any more


@asynccontextmanager
async def _gateway(url: str, token: str, note: Callable[..., Awaitable[None]]) -> AsyncIterator[tuple[Any, Any]]:
    def make_client(**options: Any) -> httpx2.AsyncClient:
        client = create_mcp_http_client(**options)
        client.event_hooks["response"].append(note)
        return client

    try:
        async with sse_client(
            url, headers={"Authorization": f"Bearer {token}"}, timeout=30.0, httpx_client_factory=make_client
        ) as streams:
            yield streams
    except httpx2.HTTPStatusError as error:
        raise GatewayLost(f"The gateway at {url} answered {error.response.status_code}.") from error
    except httpx2.TransportError as error:
        raise GatewayLost(f"The gateway at {url} cannot be reached: {error}") from error
