"""The extension io.modelcontextprotocol/tasks (2026-07-28): a call that waits is a task, and its id is the reference.

A task is its request's row and nothing else; it survives restarts, and any process answers for it, what reviewers ask
the agent included. What a tool asks in the middle of its run is known in the process that runs it alone
(mcp_bridge/talk.py).

A call that the policy sends to a person becomes a task at once. One that is only scored is held for a moment first: low
risk ends within it as a rule, and a model that gets the result itself need not ask for it.
"""

import asyncio
import contextvars
import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import anyio
from django.conf import settings
from django.db import Error
from mcp import types

from governance import actions
from governance.errors import WrongState
from governance.models import Agent, GovernanceRequest
from governance.policy import Effect
from governance.states import Status
from mcp_bridge import asked, database, present
from mcp_bridge.auth import Caller
from mcp_bridge.downstream import live
from mcp_bridge.talk import Talk, of_task, task_talk
from mcp_bridge.waiting import until

log = logging.getLogger(__name__)

EXTENSION = "io.modelcontextprotocol/tasks"
POLL_MS = 1000
SCORING_SECONDS = 1.0  # what the assessment of a call has before its agent is given a task
MAX_FOLLOWED = 1_000  # tasks of this process whose tools may ask questions

_following: dict[UUID, asyncio.Task[None]] = {}
_running: set["asyncio.Future[Any]"] = set()


class NoSuchTask(Exception):
    """No task of this agent has this id."""


async def hand_out(request: GovernanceRequest, *, can_be_asked: bool) -> types.CallToolResult | dict[str, Any]:
    """The task of a request that is committed, or the answer if there is one soon."""
    if request.policy_effect == Effect.SCORE:
        with anyio.move_on_after(min(SCORING_SECONDS, settings.HOLD_SECONDS)):
            found = await until(request.pk, _outcome_or_review)
            if isinstance(found, types.CallToolResult):
                return found
    elif (ended := await database.read(present.outcome, request.pk)) is not None:
        return ended
    if can_be_asked:
        _follow(request)
    return await database.read(_handle, request.pk)


async def go_on(talk: Talk, request_id: UUID, work: "asyncio.Future[Any]") -> dict[str, Any]:
    """The task of an allowed call that runs for longer than calls are held."""
    talk.become_task(request_id)
    _running.add(work)
    work.add_done_callback(lambda _: (_running.discard(work), talk.end_task(request_id)))
    return await database.read(_handle, request_id)


def _outcome_or_review(request_id: UUID) -> types.CallToolResult | str | None:
    if (ended := present.outcome(request_id)) is not None:
        return ended
    return Status.IN_REVIEW if GovernanceRequest.objects.get(pk=request_id).status == Status.IN_REVIEW else None


def _handle(request_id: UUID) -> dict[str, Any]:
    request = GovernanceRequest.objects.get(pk=request_id)
    # Whatever has happened since: a handle says that the work goes on, tasks/get says how it ended.
    return {"resultType": "task", **_task(request), "status": "working"}


# -- tasks/get, tasks/cancel, tasks/update ---------------------------------------------------


def state(caller: Caller, task_id: str, *, can_be_asked: bool = False) -> dict[str, Any]:
    """The task as tasks/get shows it. Raises NoSuchTask.

    A reviewer's question is told to everybody (statusMessage), and is asked of a client that can be asked.
    """
    request = _own(caller, task_id)
    task = _task(request)
    status = present.shown_status(request)
    if status == Status.CANCELLED:
        return {**task, "status": "cancelled"}
    if (ended := present.outcome_of(request)) is not None:
        if status in (Status.FAILED, Status.OUTCOME_UNKNOWN) and present.tool_result(request) is None:
            facts = {"status": status, "reference": request.reference}
            error = {"code": types.INTERNAL_ERROR, "message": present.explain(request), "data": facts}
            return {**task, "status": "failed", "error": error}
        result = ended.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {**task, "status": "completed", "result": result}
    if can_be_asked and (question := request.open_question):
        return {**task, "status": "input_required", "inputRequests": asked.question_form(question)}
    talk = task_talk(request.pk)
    if talk is not None and (questions := talk.input_requests()):
        return {**task, "status": "input_required", "inputRequests": questions}
    return {**task, "status": "working"}


def cancel(caller: Caller, task_id: str) -> None:
    """Takes the call back if it waits, gives it up if it runs in this process; else nothing. Raises NoSuchTask."""
    request = _own(caller, task_id)
    try:
        actions.cancel(request, agent=Agent(pk=caller.agent_id), reason="The agent cancelled the task.")
    except WrongState:
        if not live.cancel(request.pk) and (talk := task_talk(request.pk)) is not None:
            talk.cancel()


async def update(caller: Caller, task_id: str, answers: dict[str, Any]) -> None:
    """Answers what the tool or a reviewer asks; what nobody asked is ignored. Raises NoSuchTask, InvalidArguments."""
    request = await database.read(_own, caller, task_id)
    if request.status == Status.IN_REVIEW:  # no tool runs
        await database.write(_answer_reviewer, request, answers)
    talk = task_talk(request.pk)
    if talk is not None:
        talk.take(answers)


def _answer_reviewer(request: GovernanceRequest, answers: dict[str, Any]) -> None:
    question = request.open_question
    text = asked.answer_in(question, answers) if question else None
    if text is None:
        return
    try:
        actions.answer(request, agent=Agent(pk=request.agent_id), text=text)
    except WrongState:  # decided, expired or answered in this moment: nobody asks any more
        log.info("%s: an answer came too late", request.reference)


def _own(caller: Caller, task_id: str) -> GovernanceRequest:
    mine = GovernanceRequest.objects.select_related("execution").filter(agent_id=caller.agent_id)
    request = mine.filter(reference=task_id[:20]).first()
    if request is None or request.reference != task_id:
        raise NoSuchTask
    return request


def _task(request: GovernanceRequest) -> dict[str, Any]:
    """What every form of the task says. Kept for good: ttlMs is null."""
    moments = [request.received_at, request.started_at, request.decided_at, request.finished_at]
    if request.status == Status.IN_REVIEW and (last := request.questions.last()):
        moments += [last.asked_at, last.answered_at]
    return {
        "taskId": request.reference,
        "createdAt": _iso(request.received_at),
        "lastUpdatedAt": _iso(max(moment for moment in moments if moment is not None)),
        "ttlMs": None,
        "pollIntervalMs": POLL_MS,
        "statusMessage": _message(request),
    }


def _message(request: GovernanceRequest) -> str:
    if present.shown_status(request) not in present.OPEN_TEXT:
        return present.explain(request)
    facts = present.pending_facts(request)
    text = (
        f"{request.reference} {present.OPEN_TEXT[request.status]}. Deadline: {facts['deadline']}. "
        f"Review: {facts['review_url']}"
    )
    question = request.open_question
    return f"{text} {asked.question_text(question)}" if question else text


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# -- questions -------------------------------------------------------------------------------


def _follow(request: GovernanceRequest) -> None:
    """Keeps a place for the tool's questions until the request has ended."""
    if request.pk in _following or len(_following) >= MAX_FOLLOWED:
        return
    task = asyncio.get_running_loop().create_task(_until_it_ends(request), context=contextvars.Context())
    _following[request.pk] = task
    task.add_done_callback(lambda _: _following.pop(request.pk, None))


async def _until_it_ends(request: GovernanceRequest) -> None:
    with of_task(request.pk, request.agent_id):
        while True:
            try:
                await until(request.pk, present.outcome)
                return
            except Error as error:
                log.warning("%s could not be followed: %s", request.reference, error)
                await asyncio.sleep(5)
