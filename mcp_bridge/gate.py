"""call → request → wait → result. The request lives in its row; a waiting coroutine only watches it.

Fails closed: whatever goes wrong here, the agent is told that nothing was approved, and nothing runs because of it.
"""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import anyio
from django.conf import settings
from django.db import Error
from mcp import types

from governance import actions
from governance.errors import GovernanceError, InvalidArguments, LimitExceeded
from governance.events import waiting_for
from governance.logs import log_reference
from governance.models import Agent, GovernanceRequest
from mcp_bridge import catalog, database, express, present
from mcp_bridge.auth import Caller

log = logging.getLogger(__name__)

FIRST_PROGRESS_SECONDS = 1.0  # early: it carries the reference
PROGRESS_SECONDS = 5.0
INTENT = "atlas/intent"
CONTEXT = "atlas/context"

Report = Callable[[float, float, str], Awaitable[None]]  # seconds waited, seconds at most, message


class UnknownTool(GovernanceError):
    """The agent has no tool of this name."""


@dataclass(frozen=True)
class Call:
    """A tool call as it came in: the tool's exposed name, its arguments and the request's _meta."""

    caller: Caller
    tool: str
    arguments: Mapping[str, Any]
    meta: Mapping[str, Any]


class InFlight:
    """How many calls each session has open."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, session: str) -> Iterator[None]:
        """Raises LimitExceeded at the cap."""
        limit = settings.MAX_CALLS_IN_FLIGHT
        if self._open[session] >= limit:
            raise LimitExceeded(
                f"{limit} calls of this session are already in flight, which is the limit. This call was not accepted; "
                "repeat it when one of them has answered."
            )
        self._open[session] += 1
        try:
            yield
        finally:
            self._open[session] -= 1
            if not self._open[session]:
                del self._open[session]


async def govern(call: Call, report: Report) -> types.CallToolResult:
    """The real result, why there is none, or that the call waits. Raises UnknownTool, nothing else."""
    request: GovernanceRequest | None = None
    try:
        answered = await express.run(call, report=report if "progressToken" in call.meta else None)
        if answered is not None:
            return answered
        request = await database.write(_receive, call)
        with log_reference(request.reference):
            return await _hold(request, report)
    except UnknownTool:
        raise
    except GovernanceError as refused:
        return present.tool_error(str(refused))
    except Error as error:
        log.error("database error in a call of %s by %s: %s", call.tool, call.caller.agent_name, error)
        return _failed(request, "The gateway cannot reach its database.")
    except Exception:  # the bridge's edge: fail closed, with the reference in the log
        with log_reference(request.reference if request else "-"):
            log.exception("a call of %s by %s failed in the gateway", call.tool, call.caller.agent_name)
        return _failed(request, "The gateway failed internally.")


def _failed(request: GovernanceRequest | None, what: str) -> types.CallToolResult:
    if request is None:
        return present.tool_error(f"{what} The call was not accepted and nothing was executed. Try again later.")
    return present.tool_error(
        f"{what} Your call is recorded (Ref: {request.reference}) and goes on without this connection. Do not repeat "
        "it; ask check_status for its outcome.",
        status="unknown", reference=request.reference,
    )


def _receive(call: Call) -> GovernanceRequest:
    tool = catalog.find_tool(call.caller.agent_id, call.tool)
    if tool is None:
        raise UnknownTool(f"Unknown tool: {call.tool[:100]}. tools/list names the tools of this agent.")
    arguments = dict(call.arguments)
    reason = arguments.get(catalog.REASON, "")
    if not catalog.takes_reason_itself(tool):
        arguments.pop(catalog.REASON, None)
        _check_text(catalog.REASON, reason)
    intent = call.meta.get(INTENT, "")
    _check_text(f"_meta {INTENT}", intent)
    request, _ = actions.receive(
        agent=Agent(pk=call.caller.agent_id),
        tool=tool,
        arguments=arguments,
        stated_reason=reason if isinstance(reason, str) else "",
        intent=intent,
        context=call.meta.get(CONTEXT),
    )
    return request


def _check_text(label: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidArguments(f"{label} must be a string.")


async def _hold(request: GovernanceRequest, report: Report) -> types.CallToolResult:
    """Waits at most HOLD_SECONDS for the outcome, woken by the request's announcements."""
    begun, hold = time.monotonic(), settings.HOLD_SECONDS
    if hold:
        with anyio.move_on_after(hold):
            return await _outcome(request.pk, lambda: _report(report, request, begun, hold))
    return await database.read(present.answer, request.pk)


async def _outcome(request_id: UUID, still_waiting: Callable[[], Awaitable[None]]) -> types.CallToolResult:
    next_note = time.monotonic() + FIRST_PROGRESS_SECONDS
    with waiting_for(request_id) as changed:
        while True:
            changed.clear()
            if (result := await database.read(present.outcome, request_id)) is not None:
                return result
            # The row is read again with every progress note: the net for an announcement that got lost.
            with anyio.move_on_after(next_note - time.monotonic()):
                await changed.wait()
            if time.monotonic() >= next_note:
                next_note = time.monotonic() + PROGRESS_SECONDS
                await still_waiting()


async def _report(report: Report, request: GovernanceRequest, begun: float, hold: int) -> None:
    waited = round(time.monotonic() - begun, 1)
    await report(waited, float(hold), f"Waiting for governance (Ref: {request.reference}).")
