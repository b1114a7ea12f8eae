"""The gateway's own tools: they are not governed and speak of the caller's own requests alone."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import anyio
from mcp import types

from governance import actions
from governance.actions.ask import MAX_ANSWER_CHARS
from governance.errors import GovernanceError, WrongState
from governance.models import Agent, GovernanceRequest
from mcp_bridge import asked, database, present, status
from mcp_bridge.auth import Caller
from mcp_bridge.downstream.live import Progress
from mcp_bridge.waiting import until

MAX_WAIT_SECONDS = 45
DEFAULT_WAIT_SECONDS = 30

REFERENCE = {"type": "string", "description": "The reference (evt_…) of a call of yours, as in PENDING REVIEW."}

WAIT_FOR_DECISION = types.Tool(
    name="wait_for_decision",
    title="Wait for a governance decision",
    description=(
        "Waits until a call of yours that is PENDING REVIEW has ended, at most `seconds`, and answers as check_status "
        "does: the decision, the reviewer's reason and the tool's real result, or that it still waits. It answers at "
        "once when a reviewer asks you something about the call. Use it instead of asking check_status again and again."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "reference": REFERENCE,
            "seconds": {
                "type": "number", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": DEFAULT_WAIT_SECONDS,
                "description": f"How long to wait at most, up to {MAX_WAIT_SECONDS}.",
            },
        },
        "required": ["reference"],
        "additionalProperties": False,
    },
    annotations=status.TOOL.annotations,
)

CANCEL_REQUEST = types.Tool(
    name="cancel_request",
    title="Take a governed call back",
    description=(
        "Cancels a call of yours that is PENDING REVIEW, so that nobody has to decide on it and it is never executed. "
        "Too late once it is decided. The same again is no error."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "reference": REFERENCE,
            "reason": {"type": "string", "maxLength": 1000, "description": "Why, for the reviewers; optional."},
        },
        "required": ["reference"],
        "additionalProperties": False,
    },
    annotations=types.ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
)

ANSWER_QUESTION = types.Tool(
    name=asked.ANSWER_WITH,
    title="Answer a reviewer's question",
    description=(
        "Answers what a reviewer asks about a call of yours that is PENDING REVIEW. check_status, wait_for_decision "
        "and the answer to the call itself show the question. The reviewer reads your answer beside the call. Say what "
        "you know and where it comes from, and that you do not know what you do not."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "reference": REFERENCE,
            "text": {
                "type": "string", "minLength": 1, "maxLength": MAX_ANSWER_CHARS, "description": "The answer, in words."
            },
        },
        "required": ["reference", "text"],
        "additionalProperties": False,
    },
    annotations=types.ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
    ),
)


async def check_status(caller: Caller, arguments: dict[str, Any], report: Progress) -> types.CallToolResult:
    return await database.read(status.check_status, caller, arguments)


async def wait_for_decision(caller: Caller, arguments: dict[str, Any], report: Progress) -> types.CallToolResult:
    """What check_status says, once the request has ended, its agent is asked something, or the time is over."""
    seconds = arguments.get("seconds", DEFAULT_WAIT_SECONDS)
    if problem := _problem(arguments, "wait_for_decision", "seconds"):
        return problem
    if type(seconds) not in (int, float) or not 0 <= seconds <= MAX_WAIT_SECONDS:
        return present.tool_error(f"seconds must be a number from 0 to {MAX_WAIT_SECONDS}.")
    reference = arguments["reference"].strip()
    request = await database.read(status.find, caller, reference)
    if request is None:
        return status.unknown(reference)

    async def note(waited: float) -> None:
        await report(waited, float(seconds), f"Waiting for the decision on {reference}.")

    with anyio.move_on_after(seconds):
        await until(request.pk, _has_news, note)
    return await database.read(status.one, caller, reference)


async def cancel_request(caller: Caller, arguments: dict[str, Any], report: Progress) -> types.CallToolResult:
    if problem := _problem(arguments, "cancel_request", "reason"):
        return problem
    reason = arguments.get("reason") or ""
    if not isinstance(reason, str):
        return present.tool_error("reason must be a string.")
    return await database.write(_cancel, caller, arguments["reference"].strip(), reason)


def _cancel(caller: Caller, reference: str, reason: str) -> types.CallToolResult:
    request = status.find(caller, reference)
    if request is None:
        return status.unknown(reference)
    try:
        actions.cancel(request, agent=Agent(pk=caller.agent_id), reason=reason or "The agent took its call back.")
    except WrongState as error:
        return present.tool_error(f"{error} check_status tells its outcome.", **present.pending_facts(request))
    return status.one(caller, reference)


async def answer_question(caller: Caller, arguments: dict[str, Any], report: Progress) -> types.CallToolResult:
    if problem := _problem(arguments, asked.ANSWER_WITH, "text"):
        return problem
    if not isinstance(arguments.get("text"), str):
        return present.tool_error("text must be a string: your answer.")
    return await database.write(_answer, caller, arguments["reference"].strip(), arguments["text"])


def _answer(caller: Caller, reference: str, text: str) -> types.CallToolResult:
    request = status.find(caller, reference)
    if request is None:
        return status.unknown(reference)
    try:
        actions.answer(request, agent=Agent(pk=caller.agent_id), text=text)
    except GovernanceError as error:
        return present.tool_error(str(error), **present.pending_facts(request))
    told = status.one(caller, reference)
    told.content.insert(0, types.TextContent(type="text", text="Your answer is with the reviewers."))
    return told


def _has_news(request_id: UUID) -> bool | None:
    request = GovernanceRequest.objects.get(pk=request_id)
    return True if request.is_terminal or request.is_overdue or request.open_question else None


def _problem(arguments: Mapping[str, Any], tool: str, option: str) -> types.CallToolResult | None:
    if extra := sorted(set(arguments) - {"reference", option}):
        return present.tool_error(f"{tool} takes `reference` and `{option}`, not {', '.join(extra)[:200]}.")
    reference = arguments.get("reference")
    if not isinstance(reference, str) or not reference.strip():
        return present.tool_error("reference must be a string such as evt_0123456789abcdef.")
    return None


@dataclass(frozen=True)
class OwnTool:
    definition: types.Tool
    run: Callable[[Caller, dict[str, Any], Progress], Awaitable[types.CallToolResult]]

    @property
    def as_json(self) -> dict[str, Any]:
        return self.definition.model_dump(mode="json", by_alias=True, exclude_none=True)


OWN_TOOLS = {
    tool.definition.name: tool
    for tool in (
        OwnTool(status.TOOL, check_status),
        OwnTool(WAIT_FOR_DECISION, wait_for_decision),
        OwnTool(CANCEL_REQUEST, cancel_request),
        OwnTool(ANSWER_QUESTION, answer_question),
    )
}
