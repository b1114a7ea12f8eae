"""The MCP server towards agents, the same on every transport: tools/list and tools/call per caller."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import Error
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from governance import __version__
from governance.errors import GovernanceError
from mcp_bridge import catalog, database, gate, present, status
from mcp_bridge.auth import Caller

log = logging.getLogger(__name__)

NAME = "atlas-governance-gateway"
INSTRUCTIONS = """\
Every tool here is governed: a call is assessed first, low risk runs at once, and high risk waits for a person.

1. Say why: fill `governance_reason` in one or two sentences. The reviewer reads it.
2. An answer that begins with PENDING REVIEW is not a failure. The call is recorded and waits for a person. Do not
   assume that it failed, and do not assume that it succeeded.
3. Tell the user the reference (evt_…) and that a person has to approve the action.
4. Do not retry and do not call the tool again with changed arguments or by another way. The same call repeated returns
   the same reference.
5. Ask check_status with the reference for the decision and the tool's real result, not more often than
   `poll_after_seconds` says. Without a reference it tells the gateway's health and your open requests.
6. REJECTED and EXPIRED mean that nothing was executed: tell the user the reviewer's reason. OUTCOME UNKNOWN means
   that a person must look first: never repeat such a call.
"""

TRANSPORT = "atlas.transport"  # key of the ASGI scope: "sse" or "http", set after the path was checked

FindCaller = Callable[[], Awaitable[Caller | None]]


def build_server(find_caller: FindCaller, calls: gate.InFlight | None = None) -> Server[Any]:
    """`find_caller` says who sent the message that is being handled; `calls` counts the open calls of each session."""
    calls, questions = calls or gate.InFlight(), gate.InFlight()

    async def caller() -> Caller:
        found = await find_caller()
        if found is None or not found.may_call:
            raise MCPError(code=types.INVALID_REQUEST, message="The agent's token is not valid (any more).")
        return found

    async def list_tools(ctx: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        who = await _guarded(caller())
        tools = await _guarded(database.read(catalog.list_tools, who.agent_id))
        return types.ListToolsResult(
            tools=[status.TOOL, *(tool for tool in tools if tool.name != status.NAME)],
            cache_scope="private",  # a client must not show one agent's list to another
            ttl_ms=0,
        )

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        who = await _guarded(caller())
        try:
            if params.name == status.NAME:
                with questions.one_more(_session(ctx, who)):
                    return await _guarded(database.read(status.check_status, who, params.arguments or {}))
            with calls.one_more(_session(ctx, who)):
                return await gate.govern(
                    gate.Call(who, params.name, params.arguments or {}, _meta(ctx)), ctx.session.report_progress
                )
        except gate.UnknownTool as unknown:
            raise MCPError(code=types.INVALID_PARAMS, message=str(unknown)) from unknown
        except GovernanceError as refused:
            return present.tool_error(str(refused))

    return Server(
        NAME,
        version=__version__,
        title="ATLAS governance gateway",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        # Without it the SDK runs tools/list before every tools/call. Our schemas declare no header parameters.
        get_tool_input_schema=lambda name: None,
    )


async def _guarded(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except Error as error:
        log.error("database error: %s", error)
        raise MCPError(
            code=types.INTERNAL_ERROR, message="The gateway cannot reach its database. Nothing was done; try later."
        ) from error


def _meta(ctx: Any) -> dict[str, Any]:
    meta = (ctx.params or {}).get("_meta")
    return meta if isinstance(meta, dict) else {}


def _session(ctx: Any, caller: Caller) -> str:
    """What the caps count by: the SSE or HTTP session, or the token where the protocol has no sessions.

    Only ids that the transport has checked count, so that nobody evades a cap by inventing some.
    """
    if ctx.request is not None:
        transport = ctx.request.scope.get(TRANSPORT)
        if transport == "sse":
            return f"sse:{ctx.request.query_params.get('session_id')}"
        if ctx.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
            return f"http:{ctx.request.headers.get('mcp-session-id')}"
    return f"token:{caller.token_id}"
