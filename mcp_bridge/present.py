"""A request as its agent reads it: waiting, ended without a run, or the tool's real result. Reads the database."""

from datetime import UTC
from typing import Any
from uuid import UUID

from django.conf import settings
from mcp import types
from pydantic import ValidationError

from governance.models import Decision, GovernanceRequest
from governance.policy import Effect
from governance.states import Status
from mcp_bridge import asked
from mcp_bridge.passthrough import ExactResult

POLL_AFTER_SECONDS = 10
REFERENCE = "atlas/reference"  # in _meta of every answer to a governed call


def tool_error(text: str, **structured: Any) -> types.CallToolResult:
    return _answer(text, is_error=True, **structured)


def _answer(text: str, *, is_error: bool = False, **structured: Any) -> types.CallToolResult:
    meta = {REFERENCE: structured["reference"]} if "reference" in structured else {}
    if "edited" in structured:
        meta[asked.EDITED] = structured["edited"]
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)],
        structured_content=structured or None,
        is_error=is_error,
        _meta=meta or None,
    )


def shown_status(request: GovernanceRequest) -> str:
    """The row's status; an overdue one is expired, whether or not the sweeper has been there."""
    return str(Status.EXPIRED if request.is_overdue else request.status)


def pending_facts(request: GovernanceRequest) -> dict[str, Any]:
    return {
        "status": shown_status(request),
        "reference": request.reference,
        "review_url": f"{settings.PUBLIC_URL}{request.get_absolute_url()}",
        "deadline": request.deadline.astimezone(UTC).isoformat(timespec="seconds"),
        "poll_after_seconds": POLL_AFTER_SECONDS,
    }


def answer(request_id: UUID) -> types.CallToolResult:
    """The outcome if there is one, else that the call waits."""
    request = _load(request_id)
    return outcome_of(request) or pending(request)


def pending(request: GovernanceRequest) -> types.CallToolResult:
    """That the call waits, with what a reviewer asks about it; or of one that the policy allows, that it still runs.

    The latter is an error: the schema of such a tool's results may admit nothing but the result.
    """
    if request.policy_effect == Effect.ALLOW and request.status != Status.IN_REVIEW:
        return tool_error(
            f"STILL RUNNING (Ref: {request.reference}). The call is allowed and goes on. Do not repeat it; ask "
            "check_status for its outcome.",
            **pending_facts(request),
        )
    text = f"PENDING REVIEW (Ref: {request.reference}). Action queued subject to governance checks."
    facts = pending_facts(request)
    if question := request.open_question:
        text = f"{text} {asked.question_text(question)}"
        facts["question"] = asked.question_facts(question)
    return _answer(text, is_error=request.policy_effect == Effect.ALLOW, **facts)


def outcome(request_id: UUID) -> types.CallToolResult | None:
    """The answer to a call that has ended; None while it is open."""
    return outcome_of(_load(request_id))


def outcome_or_question(request_id: UUID) -> types.CallToolResult | None:
    """The answer to a call that has ended, or that waits for its agent's answer; None while it waits for others."""
    request = _load(request_id)
    if (ended := outcome_of(request)) is not None:
        return ended
    return pending(request) if request.open_question else None


def _load(request_id: UUID) -> GovernanceRequest:
    return GovernanceRequest.objects.select_related("execution").get(pk=request_id)


def outcome_of(request: GovernanceRequest) -> types.CallToolResult | None:
    status = shown_status(request)
    stored = tool_result(request)
    if stored is None and status not in _ENDS:
        return None
    edited = asked.edited_approval(request)
    if stored is not None:
        return real_result(request, stored, edited)
    facts: dict[str, Any] = {"status": status, "reference": request.reference}
    if reason := why(request):
        facts["reason"] = reason
    if edited:
        facts["edited"] = asked.edited_facts(edited)
    return tool_error(explain(request), **facts)


def tool_result(request: GovernanceRequest) -> dict[str, Any] | None:
    """What the tool answered, as stored, once the request has ended with it."""
    if request.status in (Status.SUCCEEDED, Status.FAILED):
        return request.execution.result
    return None


def real_result(
    request: GovernanceRequest, stored: dict[str, Any], edited: Decision | None = None
) -> types.CallToolResult:
    """What the tool answered, as it was. Of an edited call a last text block says what was changed."""
    meta = {**(stored.get("_meta") or {}), REFERENCE: request.reference}
    body = {**stored, "_meta": meta}
    if edited:
        meta[asked.EDITED] = asked.edited_facts(edited)
        body["content"] = [*(stored.get("content") or []), {"type": "text", "text": asked.edited_text(edited)}]
    try:
        return ExactResult.of(body)
    except ValidationError:
        return tool_error(
            f"The tool ran (Ref: {request.reference}), but its answer is not a valid MCP result. Do not call it again; "
            "a person can read the answer in the console.",
            status=str(request.status), reference=request.reference,
        )


OPEN_TEXT = {
    Status.RECEIVED: "is received and about to be assessed",
    Status.SCORING: "is being assessed",
    Status.IN_REVIEW: "waits for a person's decision",
    Status.APPROVED: "is approved and about to be executed",
    Status.EXECUTING: "is approved and being executed",
}
_ENDS = {
    Status.SUCCEEDED: "EXECUTED (Ref: {ref}).",
    Status.FAILED: "FAILED (Ref: {ref}). The tool could not run the approved call, and it had no effect.",
    Status.OUTCOME_UNKNOWN: "OUTCOME UNKNOWN (Ref: {ref}). The call was started, and nobody can say whether it had its "
    "effect. A person must look. Do not call it again.",
    Status.DENIED: "REJECTED (Ref: {ref}). The call was not executed. Do not repeat it unchanged; tell the user.",
    Status.EXPIRED: "EXPIRED (Ref: {ref}). Nobody approved the call in time. It was not executed.",
    Status.CANCELLED: "CANCELLED (Ref: {ref}). The call was not executed.",
}


def explain(request: GovernanceRequest) -> str:
    """One paragraph on a request that has ended, with the reviewer's or the tool server's reason, and their changes."""
    text = _ENDS[Status(shown_status(request))].format(ref=request.reference)
    if reason := why(request):
        text = f"{text} Reason: {reason}"
    edited = asked.edited_approval(request)
    return f"{text} {asked.edited_text(edited)}" if edited else text


def why(request: GovernanceRequest) -> str:
    """The reviewer's words on a rejection, the tool server's on a failure; else empty."""
    if request.status == Status.DENIED:
        decision = request.decision
        return decision.reason if decision else ""
    if request.status in (Status.FAILED, Status.OUTCOME_UNKNOWN):
        return request.execution.error
    return ""
