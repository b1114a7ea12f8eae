"""The MCP server towards agents, the same on every transport: what each message of an agent is answered with."""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import Error
from mcp import types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import validate_mcp_param_headers
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from governance import __version__
from governance.errors import GovernanceError
from mcp_bridge import catalog, database, gate, offers, passthrough, present
from mcp_bridge.auth import Caller
from mcp_bridge.changes import changes
from mcp_bridge.client import client_of
from mcp_bridge.own import OWN_TOOLS
from mcp_bridge.snapshot import snapshots
from mcp_bridge.talk import UnknownQuestion
from mcp_bridge.task_methods import add_task_methods

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
5. Then call wait_for_decision with the reference: it answers as soon as the call has ended. Or ask check_status for the
   decision and the tool's real result, not more often than `poll_after_seconds` says; without a reference it tells
   the gateway's health and your open requests. cancel_request takes a call back that nobody needs any more.
6. A reviewer may ask you something about a call that waits (“A reviewer asks …”). Answer with answer_question; ask the
   user first when you do not know. Then wait again.
7. A reviewer may change a call before approving it. The result is then that of the changed call: the note beside it
   says what was changed. Tell the user.
8. REJECTED and EXPIRED mean that nothing was executed: tell the user the reviewer's reason. OUTCOME UNKNOWN means
   that a person must look first: never repeat such a call.
"""

TRANSPORT = "atlas.transport"  # key of the ASGI scope: "sse" or "http", set after the path was checked
UNCACHED = {"ttlMs": 0, "cacheScope": "private"}  # a client must not show one agent's list to another

FindCaller = Callable[[], Awaitable[Caller | None]]


class GatewayServer(Server[Any]):
    """Says what is true in each protocol era: the SDK derives it from the handlers alone."""

    def create_initialization_options(
        self, notification_options: NotificationOptions | None = None, *rest: Any, **options: Any
    ) -> InitializationOptions:
        told = notification_options or NotificationOptions(True, True, True)
        return super().create_initialization_options(told, *rest, **{"extensions": {}, **options})

    def get_capabilities(self, *rest: Any, **options: Any) -> types.ServerCapabilities:
        found = super().get_capabilities(*rest, **options)
        if found.resources is not None:
            found.resources.subscribe = False
        return found


class Handlers:
    """`find_caller` says who sent the message that is being handled; `calls` counts the open calls of each session."""

    def __init__(self, find_caller: FindCaller, calls: gate.InFlight) -> None:
        self._find_caller, self._calls, self._questions = find_caller, calls, gate.InFlight()

    async def caller(self) -> Caller:
        found = await _guarded(self._find_caller())
        if found is None or not found.may_call:
            raise MCPError(code=types.INVALID_REQUEST, message="The agent's token is not valid (any more).")
        return found

    async def list_tools(self, ctx: Any, params: types.PaginatedRequestParams | None) -> dict[str, Any]:
        who = await self.caller()
        tools = await _guarded(database.read(catalog.list_tools, who.agent_id))
        if ctx.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
            tools = [catalog.for_handshake(tool) for tool in tools]
        own = [tool.as_json for tool in OWN_TOOLS.values()]
        return _exactly({"tools": [*own, *(tool for tool in tools if tool["name"] not in OWN_TOOLS)]})

    async def call_tool(self, ctx: Any, params: types.CallToolRequestParams) -> Any:
        who = await self.caller()
        try:
            answer = await self._call(ctx, params, who)
        except (gate.UnknownTool, UnknownQuestion) as unknown:
            raise MCPError(code=types.INVALID_PARAMS, message=str(unknown)) from unknown
        except GovernanceError as refused:
            answer = present.tool_error(str(refused))
        if isinstance(answer, passthrough.ExactResult):
            passthrough.keep(answer.exact)
        return answer

    async def _call(self, ctx: Any, params: types.CallToolRequestParams, who: Caller) -> gate.Answer:
        arguments = params.arguments or {}
        if own := OWN_TOOLS.get(params.name):
            with self._questions.one_more(_session(ctx, who), who.agent_id):
                return await _guarded(own.run(who, arguments, ctx.session.report_progress))
        with self._calls.one_more(_session(ctx, who), who.agent_id):
            await _check_param_headers(ctx, who, params.name, arguments)
            return await gate.govern(gate.Call(who, params.name, arguments, _meta(ctx)), client_of(ctx))

    # -- what servers offer beside tools

    async def list_resources(self, ctx: Any, params: Any) -> dict[str, Any]:
        return _exactly({"resources": await self._asked(ctx, offers.list_resources)})

    async def list_templates(self, ctx: Any, params: Any) -> dict[str, Any]:
        listed = await self._asked(ctx, lambda who: offers.list_resources(who, offers.TEMPLATES))
        return _exactly({"resourceTemplates": listed})

    async def list_prompts(self, ctx: Any, params: Any) -> dict[str, Any]:
        return _exactly({"prompts": await self._asked(ctx, offers.list_prompts)})

    async def read_resource(self, ctx: Any, params: types.ReadResourceRequestParams) -> dict[str, Any]:
        uri, is_modern = str(params.uri), ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        return _exactly(await self._asked(ctx, lambda who: offers.read_resource(who, uri, is_modern=is_modern)))

    async def get_prompt(self, ctx: Any, params: types.GetPromptRequestParams) -> dict[str, Any]:
        return _exactly(
            await self._asked(ctx, lambda who: offers.get_prompt(who, params.name, params.arguments or {}))
        )

    async def complete(self, ctx: Any, params: types.CompleteRequestParams) -> dict[str, Any]:
        asked = params.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"meta"})
        return _exactly(await self._asked(ctx, lambda who: offers.complete(who, asked)))

    async def _asked(self, ctx: Any, ask: Callable[[Caller], Coroutine[Any, Any, Any]]) -> Any:
        who = await self.caller()
        with self._one_more_question(ctx, who):
            return await _guarded(ask(who))

    # -- changes

    async def listen(self, ctx: Any, params: Any) -> types.SubscriptionsListenResult:
        who = await self.caller()
        with self._one_more_question(ctx, who):
            return await changes.listen(who.team_id, ctx, params)

    async def initialized(self, ctx: Any, params: Any) -> None:
        who = await self.caller()
        changes.add_session(who.team_id, ctx.session, ctx.session._connection)

    @contextmanager
    def _one_more_question(self, ctx: Any, who: Caller) -> Iterator[None]:
        try:
            with self._questions.one_more(_session(ctx, who), who.agent_id):
                yield
        except GovernanceError as refused:
            raise MCPError(code=types.INVALID_REQUEST, message=str(refused)) from refused


def build_server(find_caller: FindCaller, calls: gate.InFlight | None = None) -> Server[Any]:
    """The server of one process; `calls` is shared with whatever else answers calls in it."""
    handlers = Handlers(find_caller, calls or gate.InFlight())
    server = GatewayServer(
        NAME,
        version=__version__,
        title="ATLAS governance gateway",
        instructions=INSTRUCTIONS,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_templates,
        on_read_resource=handlers.read_resource,
        on_list_prompts=handlers.list_prompts,
        on_get_prompt=handlers.get_prompt,
        on_completion=handlers.complete,
        on_subscriptions_listen=handlers.listen,
        # Without it the SDK runs tools/list before every tools/call; what it would check is checked in call_tool.
        get_tool_input_schema=lambda name: None,
    )
    server.add_notification_handler("notifications/initialized", types.NotificationParams, handlers.initialized)
    add_task_methods(server, handlers.caller)
    server.middleware.append(passthrough.restore)
    return server


def _exactly(answer: dict[str, Any]) -> dict[str, Any]:
    """Leaves as it is, and is not to be cached."""
    passthrough.keep(answer)
    return {**answer, "resultType": "complete", **UNCACHED}


async def _check_param_headers(ctx: Any, who: Caller, name: str, arguments: dict[str, Any]) -> None:
    """On 2026-07-28 over HTTP: parameters that a tool wants mirrored into headers agree with them. Raises MCPError."""
    if ctx.request is None or ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return
    offer = (await _guarded(snapshots.of(who.team_id))).offer(who.agent_id, name)
    wrong = validate_mcp_param_headers(offer.tool.input_schema, arguments, ctx.request.headers) if offer else None
    if wrong is not None:
        raise MCPError(code=wrong.code, message=wrong.message, data=wrong.data)


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
