"""What reviewers did with a call beside deciding it, as its agent reads it: their questions, and what they changed.

A question's text is a person's words to a model: it is quoted, and said to be a reviewer's. Reads the database.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from governance.actions.ask import MAX_ANSWER_CHARS
from governance.actions.binding import approval_of
from governance.changes import ABSENT, Changed, changes
from governance.errors import InvalidArguments
from governance.models import Decision, GovernanceRequest, Question
from governance.states import Status

ANSWER_WITH = "answer_question"
EDITED = "atlas/edited"  # in _meta of the answer to a call that a reviewer changed
_ASKED = "reviewer-"  # and the question's number: its name among the requests for input
DECLINED = "(The agent's client declined to answer.)"
MAX_VALUE_CHARS = 200  # of one value in the sentence; the exact ones stand in the facts
MAX_TOLD = 20  # changes in the sentence

RAN = (Status.SUCCEEDED, Status.FAILED, Status.OUTCOME_UNKNOWN, Status.EXECUTING, Status.APPROVED)


# -- questions ---------------------------------------------------------------------------------


def question_text(question: Question) -> str:
    reference = question.request.reference
    return (
        f"A reviewer asks about your call {reference}: “{question.text}” Answer with {ANSWER_WITH}; the call waits "
        "meanwhile, and its deadline stands."
    )


def question_facts(question: Question) -> dict[str, Any]:
    return {"text": question.text, "asked_at": iso(question.asked_at), "answer_with": ANSWER_WITH}


def answered_facts(request: GovernanceRequest) -> list[dict[str, Any]]:
    """The questions that were answered, oldest first."""
    return [
        {
            "text": question.text, "asked_at": iso(question.asked_at), "answer": question.answer,
            "answered_at": iso(question.answered_at),
        }
        for question in request.questions.exclude(answered_at=None)
    ]


def question_form(question: Question) -> dict[str, dict[str, Any]]:
    """The question as MCP asks a client's person, under a name of its own."""
    message = f"A reviewer asks about the call {question.request.reference}: “{question.text}”"
    answer = {"type": "string", "title": "Answer", "minLength": 1, "maxLength": MAX_ANSWER_CHARS}
    schema = {"type": "object", "properties": {"answer": answer}, "required": ["answer"]}
    params = {"mode": "form", "message": message, "requestedSchema": schema}
    return {f"{_ASKED}{question.pk}": {"method": "elicitation/create", "params": params}}


def answer_in(question: Question, responses: Mapping[str, Any]) -> str | None:
    """What a client answers to `question_form`; None when these answers are to something else.

    Who declines is told to the reviewer, and is not asked again. Raises InvalidArguments.
    """
    name = f"{_ASKED}{question.pk}"
    if name not in responses:
        return None
    response = responses[name]
    action = response.get("action") if isinstance(response, Mapping) else None
    if action in ("decline", "cancel"):
        return DECLINED
    content = response.get("content") if action == "accept" else None
    text = content.get("answer") if isinstance(content, Mapping) else None
    if not isinstance(text, str):
        raise InvalidArguments("An answer is {action: accept, content: {answer: text}}, or the action decline.")
    return text


# -- edits -------------------------------------------------------------------------------------


def edited_approval(request: GovernanceRequest) -> Decision | None:
    """The approval of another call than the agent sent; of one that nobody approved, or as it was, None."""
    approval = approval_of(request) if request.status in RAN else None
    return approval if approval is not None and approval.is_edited else None


def edited_facts(approval: Decision) -> dict[str, Any]:
    """`{"changes": [{"path", "before", "after"}], "reason"}`; paths are JSON pointers, an absent side is left out."""
    return {"changes": [change.as_json() for change in _changes(approval)], "reason": approval.reason}


def edited_text(approval: Decision) -> str:
    """One paragraph: what differs from what the agent sent, and why."""
    found = _changes(approval)
    told = [f"{change.name or 'the arguments'} {_shown(change.before)} → {_shown(change.after)}" for change in found]
    more = f" and {len(told) - MAX_TOLD} more" if len(told) > MAX_TOLD else ""
    text = f"A reviewer changed this call before approving it: {', '.join(told[:MAX_TOLD])}{more}."
    return f"{text} Reason: {approval.reason}" if approval.reason else text


def _changes(approval: Decision) -> list[Changed]:
    return changes(approval.request.arguments, approval.arguments)


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "(absent)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}…"


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
