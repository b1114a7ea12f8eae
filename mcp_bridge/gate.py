"""call → request → wait → result. The request lives in its row; a waiting coroutine only watches it.

Fails closed: whatever goes wrong here, the agent is told that nothing was approved, and nothing runs because of it.
"""

import asyncio
import contextvars
import logging
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import anyio
from django.conf import settings
from django.db import Error
from mcp import types

from governance import actions
from governance.errors import GovernanceError, InvalidArguments, LimitExceeded, WrongState
from governance.logs import log_reference
from governance.models import Agent, GovernanceRequest
from mcp_bridge import catalog, database, express, present, tasks
from mcp_bridge.auth import Caller
from mcp_bridge.downstream import live
from mcp_bridge.talk import Client, Talk, UnknownQuestion, asked_with
from mcp_bridge.waiting import until

log = logging.getLogger(__name__)

SESSIONS_OF_AN_AGENT = 4  # whose calls may all be in flight in one process

INTENT = "atlas/intent"
CONTEXT = "atlas/context"

T = TypeVar("T")
Answer = types.CallToolResult | dict[str, Any]  # the latter: a question of the tool's, or a task's handle


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
    """How many calls each session and each agent has open, so that none takes a tool server from the others."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, session: str, agent_id: int) -> Iterator[None]:
        """Raises LimitExceeded at a cap."""
        agent, limit = f"agent:{agent_id}", settings.MAX_CALLS_IN_FLIGHT
        for whose, key, most in (("session", session, limit), ("agent", agent, limit * SESSIONS_OF_AN_AGENT)):
            if self._open[key] >= most:
                raise LimitExceeded(
                    f"{most} calls of this {whose} are already in flight, which is the limit. This call was not "
                    "accepted; repeat it when one of them has answered."
                )
        self._open.update((session, agent))
        try:
            yield
        finally:
            for key in (session, agent):
                self._open[key] -= 1
                if not self._open[key]:
                    del self._open[key]


async def govern(call: Call, client: Client) -> Answer:
    """The real result, why there is none, that the call waits, a question of the tool's, or a task's handle.

    A call that is repeated with the state of a question goes on where it asked. Raises UnknownTool and
    talk.UnknownQuestion, nothing else.
    """
    governed = Governed(call) if client.state is None else _asked_before(call, client.state)
    try:
        if client.state is None:
            governed.answer_early(client.answers)
        else:
            governed.take(client.answers)
        return await governed.answer(client)
    except UnknownTool:
        raise
    except GovernanceError as refused:
        return present.tool_error(str(refused))
    except Error as error:
        log.error("database error in a call of %s by %s: %s", call.tool, call.caller.agent_name, error)
        return _failed(governed.request, "The gateway cannot reach its database.")
    except Exception:  # the bridge's edge: fail closed, with the reference in the log
        request = governed.request
        with log_reference(request.reference if request else "-"):
            log.exception("a call of %s by %s failed in the gateway", call.tool, call.caller.agent_name)
        return _failed(request, "The gateway failed internally.")


class Governed(Talk):
    """One call on its way through the gate: in one exchange, or in several when its tool asks questions."""

    def __init__(self, call: Call) -> None:
        super().__init__(call.caller.agent_id)
        self.call = call
        self.request: GovernanceRequest | None = None
        self._at_once: asyncio.Future[types.CallToolResult | None] | None = None
        self._admitted: express.AllowedCall | None = None
        self._receiving: asyncio.Future[GovernanceRequest] | None = None

    async def answer(self, client: Client) -> Answer:
        with self.held_by(client):
            try:
                return await self._allowed(client) or await self._waited_for(client)
            except asyncio.CancelledError:
                if client.was_cancelled():
                    self._give_up()
                raise

    async def _allowed(self, client: Client) -> Answer | None:
        """The answer to a call that the policy allows; None for any other, of which nothing is stored then."""
        if self.request is not None:
            return None
        if self._at_once is None:
            self._at_once = asyncio.ensure_future(self._run_at_once(client))
        if client.takes_tasks and await self._takes_long(self._at_once):
            return await tasks.go_on(self, self._admitted.request_id, self._at_once)
        found = await self._unless_asked(self._at_once)
        if found is None:
            self._at_once = None
        return found

    async def _takes_long(self, work: "asyncio.Future[Any]") -> bool:
        """Whether the call runs, and neither ends nor asks anything in the time that calls are held for."""
        asked = asyncio.ensure_future(self.asked.wait())
        await asyncio.wait([work, asked], timeout=settings.HOLD_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        return self._admitted is not None and not work.done() and not self.asked.is_set()

    async def _run_at_once(self, client: Client) -> types.CallToolResult | None:
        ask = self.ask if client.can_be_asked else None
        ran = await express.attempt(
            self.call, report=self.report, ask=ask, cancelled=self.cancelled, on_admitted=self._note_admitted
        )
        if ran is None:
            return None
        try:
            return await express.answer(ran)
        except Error:  # it was run, whatever fails now
            return express.not_recorded(ran)

    def _note_admitted(self, call: express.AllowedCall) -> None:
        self._admitted = call

    async def _waited_for(self, client: Client) -> Answer:
        if self.request is None:
            self._receiving = asyncio.ensure_future(database.write(_receive, self.call))
            self.request = await asyncio.shield(self._receiving)
        with log_reference(self.request.reference):
            if client.takes_tasks:
                return await tasks.hand_out(self.request, can_be_asked=client.takes_input_required)
            with live.held(self.request.pk, report=self.report, ask=self.ask):
                holding = asyncio.ensure_future(self._hold(self.request))
                try:
                    return await self._unless_asked(holding)
                finally:
                    holding.cancel()

    async def _hold(self, request: GovernanceRequest) -> types.CallToolResult:
        """Waits at most HOLD_SECONDS for the outcome, or for what a reviewer asks the agent."""
        hold = settings.HOLD_SECONDS

        async def note(waited: float) -> None:
            await self.note(waited, float(hold), f"Waiting for governance (Ref: {request.reference}).")

        if hold:
            with anyio.move_on_after(hold):
                return await until(request.pk, present.outcome_or_question, note)
        return await database.read(present.answer, request.pk)

    async def _unless_asked(self, work: "asyncio.Future[T]") -> T | dict[str, Any]:
        """What `work` gives, or a question that comes up before."""
        asked = asyncio.ensure_future(self.asked.wait())
        try:
            await asyncio.wait([work, asked], return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        if work.done():
            return work.result()
        return {
            "resultType": "input_required", "inputRequests": self.input_requests(), "requestState": self.state,
        }

    def _give_up(self) -> None:
        """The client takes its call back: a waiting one is cancelled, a running one is given up as unknown."""
        self.cancelled.set()
        if self._receiving is not None:
            begin(_take_back(self._receiving, self.call.caller.agent_id))


def _asked_before(call: Call, state: str) -> Governed:
    """Raises UnknownQuestion; then nothing is run."""
    governed = asked_with(state, call.caller.agent_id)
    if not isinstance(governed, Governed):
        raise UnknownQuestion
    if (call.tool, call.arguments) != (governed.call.tool, governed.call.arguments):
        raise UnknownQuestion
    return governed


# -- taking a call back ----------------------------------------------------------------------

_background: set[asyncio.Task[None]] = set()


def begin(work: Coroutine[Any, Any, None]) -> None:
    """Work that must not end with the exchange that began it."""
    task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
    _background.add(task)
    task.add_done_callback(_background.discard)


async def _take_back(receiving: "asyncio.Future[GovernanceRequest]", agent_id: int) -> None:
    """Cancels what waits, gives up what runs in this process, and leaves alone what has ended."""
    try:
        request = await receiving
        with log_reference(request.reference):
            await _cancel_or_give_up(request, agent_id)
    except GovernanceError:  # it was never accepted
        pass
    except Error as error:
        log.error("a call that its agent cancelled could not be taken back: %s", error)


async def _cancel_or_give_up(request: GovernanceRequest, agent_id: int) -> None:
    try:
        await database.write(_cancel, request.pk, agent_id)
    except WrongState:
        live.cancel(request.pk)


def _cancel(request_id: UUID, agent_id: int) -> None:
    request = GovernanceRequest.objects.get(pk=request_id)
    actions.cancel(request, agent=Agent(pk=agent_id), reason="The agent cancelled its call.")


# -- receiving -------------------------------------------------------------------------------


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
