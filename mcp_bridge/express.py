"""Calls that the policy allows, without a workflow: ruled on in memory, admitted, run, settled.

`run` answers None for every other call, and for one that anything speaks against; the gate then takes the long way and
says what. From its admission on a call does not depend on whoever waits for it: a client that leaves, a stream that
closes or a token that is revoked change nothing of its outcome.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp import types
from referencing.exceptions import Unresolvable

from governance.actions.execute import BROKE_OFF, UNKNOWN
from governance.actions.express import AllowedCall, Return
from governance.canonical import MAX_REASON_CHARS, bound_arguments, bound_context, is_storable
from governance.errors import DownstreamFailed, DownstreamUnknown, GovernanceError, LimitExceeded, NotAllowed
from governance.logs import log_reference
from governance.models import GovernanceRequest
from governance.policy import Effect, evaluate
from governance.rulings import Ruling, policy_call
from governance.states import Status
from governance.toolservers import ToolResult, backend_of, running_request
from mcp_bridge import catalog, database, present
from mcp_bridge.auth import Caller, callers
from mcp_bridge.downstream import live
from mcp_bridge.downstream.remote import at_home
from mcp_bridge.downstream.servers import pool
from mcp_bridge.own import OWN_TOOLS
from mcp_bridge.snapshot import Offer, Snapshot, snapshots
from mcp_bridge.writer import writer

if TYPE_CHECKING:
    from mcp_bridge.gate import Call

log = logging.getLogger(__name__)

INTENT, CONTEXT = "atlas/intent", "atlas/context"  # in a call's _meta
MAX_RUNNING = 512  # calls of this process between their admission and their end
MAX_RULINGS = 4  # a team that is administered all the time: the long way then
RECORD_SECONDS = 10.0  # how long an agent waits for a database that does not take the outcome
LAST_CALLS_SECONDS = 0.5
LAST_COMMIT_SECONDS = 0.5
CANCELLED = "The agent cancelled the call while it ran. Whether it had its effect is not known; a person must look."


class TokenDead(NotAllowed):
    """The token was revoked or has expired since it was last looked at."""


@dataclass(frozen=True)
class Ran:
    """A call that was run. Its outcome `is_recorded` (or will be later), and this return `counts` unless the sweeper
    was faster."""

    call: AllowedCall
    returned: Return
    is_recorded: bool
    counts: bool

    @property
    def has_result(self) -> bool:
        return self.counts and self.returned.result is not None


_running: set[asyncio.Task[Ran]] = set()


async def run(
    call: "Call", *, report: live.Progress | None = None, ask: live.Question | None = None,
    cancelled: asyncio.Event | None = None,
) -> types.CallToolResult | None:
    """The answer to an allowed call; None for any other, of which nothing is stored then.

    `report` and `ask` reach the agent while the tool runs; setting `cancelled` gives the call up, as unknown. Raises
    GovernanceError and django.db.Error: then nothing was run.
    """
    ran = await attempt(call, report=report, ask=ask, cancelled=cancelled)
    return None if ran is None else await answer(ran)


async def attempt(
    call: "Call", *, report: live.Progress | None = None, ask: live.Question | None = None,
    cancelled: asyncio.Event | None = None, on_admitted: Callable[[AllowedCall], None] | None = None,
) -> Ran | None:
    """Like `run`, with the outcome as it came. `on_admitted` is told of the call once it is stored."""
    caller = call.caller
    for _ in range(MAX_RULINGS):
        snapshot = await snapshots.of(caller.team_id)
        if caller.token_id is not None and caller.generation != snapshot.generation:
            caller = await _confirmed(caller)
            if caller.generation != snapshot.generation:
                snapshots.forget(caller.team_id)
                continue
        offer = None if call.tool in OWN_TOOLS else snapshot.offer(caller.agent_id, call.tool)
        allowed = offer and _rule(snapshot, offer, call.arguments, call.meta)
        if not allowed:
            return None
        if len(_running) >= MAX_RUNNING:
            raise LimitExceeded(
                f"{MAX_RUNNING} calls run in this gateway, which is the limit. This call was not accepted; repeat it "
                "in a moment."
            )
        work = _go(offer, *allowed, report=report, ask=ask, cancelled=cancelled, on_admitted=on_admitted)
        # In an empty context, and kept here: nobody's leaving ends it.
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        _running.add(task)
        task.add_done_callback(_finished)
        ran = await asyncio.shield(task)
        if ran is not None:
            return ran
        snapshots.forget(caller.team_id)
    return None


async def _confirmed(caller: Caller) -> Caller:
    found = await callers.again(caller)
    if found is None:
        raise TokenDead("The agent's token is not valid any more. Nothing was run.")
    return found


def _finished(task: "asyncio.Task[Ran | None]") -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # whoever waits was told; one who left does not want to know


def _rule(
    snapshot: Snapshot, offer: Offer, arguments: Mapping[str, Any], meta: Mapping[str, Any]
) -> tuple[AllowedCall, dict[str, Any]] | None:
    """The call and what the tool gets, if the active policy allows it and it is as it should be."""
    agent, tool, version = offer.agent, offer.tool, snapshot.version
    if version is None:
        return None
    arguments, reason = dict(arguments), ""
    if not catalog.takes_reason_itself(tool):
        reason = arguments.pop(catalog.REASON, "")
    intent, context = meta.get(INTENT, ""), meta.get(CONTEXT)
    if not (_can_be_kept(reason) and _can_be_kept(intent)):
        return None
    try:
        text, arguments_digest = bound_arguments(arguments)
        context_text = bound_context(context)
        if next(offer.validator.iter_errors(arguments), None) is not None:
            return None
    except (GovernanceError, Unresolvable):
        return None
    outcome = evaluate(snapshot.policy, policy_call(agent.name, tool, arguments))
    if outcome.effect is not Effect.ALLOW:
        return None
    ruling = Ruling(outcome, version)
    call = AllowedCall(
        team_id=snapshot.team_id, generation=snapshot.generation, agent_id=agent.pk, agent=agent.name,
        tool_id=tool.pk, tool=tool.exposed_name, server=tool.server.slug, tool_digest=tool.digest,
        arguments_json=text, arguments_digest=arguments_digest, version_id=version.pk, version=version.number,
        rule=outcome.rule, reason=outcome.message or f"Decided by {ruling}.", stated_reason=reason, intent=intent,
        context_json=context_text, deadline_seconds=outcome.deadline_seconds, threshold=outcome.threshold,
    )
    return call, arguments


def _can_be_kept(text: object) -> bool:
    return isinstance(text, str) and len(text) <= MAX_REASON_CHARS and is_storable(text)


async def _go(
    offer: Offer, call: AllowedCall, arguments: dict[str, Any], *, report: live.Progress | None,
    ask: live.Question | None, cancelled: asyncio.Event | None, on_admitted: Callable[[AllowedCall], None] | None,
) -> Ran | None:
    """None when the call was not admitted. The tool gets exactly what was stored."""
    if not await writer.admit(call):
        return None
    if on_admitted is not None:
        on_admitted(call)
    returned = await _return_of(offer, call, arguments, report, ask, cancelled)
    stored = writer.settle(returned)
    await asyncio.wait([stored], timeout=RECORD_SECONDS)
    is_recorded = stored.done() and stored.exception() is None
    return Ran(call, returned, is_recorded, is_recorded and stored.result())


async def _return_of(
    offer: Offer, call: AllowedCall, arguments: dict[str, Any], report: live.Progress | None,
    ask: live.Question | None, cancelled: asyncio.Event | None,
) -> Return:
    try:
        if cancelled is None:
            result = await _forward(offer, call, arguments, report, ask)
        else:
            result = await _unless(cancelled, _forward(offer, call, arguments, report, ask))
    except DownstreamFailed as error:
        return Return(call, is_error=True, error=str(error))
    except DownstreamUnknown as error:
        return Return(call, is_unknown=True, error=str(error))
    except asyncio.CancelledError:  # the process stops
        writer.settle(Return(call, is_unknown=True, error=UNKNOWN))
        raise
    except Exception:  # the edge towards tool servers: whatever broke, the call is not run again
        with log_reference(call.reference):
            log.exception("%s failed while it ran", call.tool)
        return Return(call, is_unknown=True, error=BROKE_OFF)
    return Return(call, result=result.as_json(), is_error=result.is_error)


async def _forward(
    offer: Offer, call: AllowedCall, arguments: dict[str, Any], report: live.Progress | None,
    ask: live.Question | None,
) -> ToolResult:
    tool = offer.tool
    if offer.endpoint is None:
        return await database.run_tool(_run_here, offer, call, arguments)
    work = pool.connection(offer.endpoint).call(
        tool.name, arguments, input_schema=tool.input_schema, on_progress=report, on_elicit=ask
    )
    return await at_home(work)


def _run_here(offer: Offer, call: AllowedCall, arguments: dict[str, Any]) -> ToolResult:
    running_request.set(call.request_id)  # in this unit's own context
    return backend_of(offer.tool.server).call(offer.tool.name, arguments)


async def _unless(cancelled: asyncio.Event, work: Any) -> ToolResult:
    forward, given_up = asyncio.ensure_future(work), asyncio.ensure_future(cancelled.wait())
    await asyncio.wait([forward, given_up], return_when=asyncio.FIRST_COMPLETED)
    given_up.cancel()
    if not forward.done():
        forward.cancel()
        await asyncio.wait([forward])
    if forward.cancelled():
        raise DownstreamUnknown(CANCELLED)
    return forward.result()


# -- answers ----------------------------------------------------------------------------------


async def answer(ran: Ran) -> types.CallToolResult:
    """What the agent reads. Raises django.db.Error when that has to be looked up and cannot be."""
    if ran.has_result:
        ended = GovernanceRequest(reference=ran.call.reference, status=ran.returned.status)
        return present.real_result(ended, ran.returned.result)
    if not ran.is_recorded:
        return not_recorded(ran)
    return await database.read(present.answer, ran.call.request_id)


def not_recorded(ran: Ran) -> types.CallToolResult:
    return present.tool_error(
        f"The call was run (Ref: {ran.call.reference}), but the gateway could not record its outcome yet. Do not "
        "repeat it; ask check_status for the outcome.",
        status=str(Status.EXECUTING), reference=ran.call.reference,
    )


async def finish() -> None:
    """When the process stops: a moment for the calls under way, then what they returned is stored.

    Of a call that goes on, the sweeper will say that its outcome is unknown.
    """
    if _running:
        await asyncio.wait(list(_running), timeout=LAST_CALLS_SECONDS)
    await asyncio.to_thread(writer.stop, LAST_COMMIT_SECONDS)


def count_running() -> int:
    return len(_running)


