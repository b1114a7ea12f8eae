"""check_status, the gateway's own tool: its health, and an agent's own requests. Read-only, not governed."""

import json
import time
from typing import Any

from django.db.models import Q
from django.utils import timezone
from mcp import types

from governance.models import GovernanceRequest, Question
from governance.states import Status
from governance.workflow.health import workflow_health
from mcp_bridge import asked, offers, present
from mcp_bridge.auth import Caller

NAME = "check_status"
LISTED = 50
HEALTH_SECONDS = 2.0

TOOL = types.Tool(
    name=NAME,
    title="Check governance status",
    description=(
        "Asks the governance gateway. With a reference (evt_…): the status of that call of yours, the decision, the "
        "reviewer's reason and, once it was executed, the tool's real result; or what a reviewer asks you about it. "
        "Without one: whether the gateway is healthy, and your open requests; `has_question` marks those that a "
        "reviewer asks about."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "reference": {"type": "string", "description": "The reference of a governed call, as in PENDING REVIEW."}
        },
        "additionalProperties": False,
    },
    annotations=types.ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
)

_health: tuple[float, list[str]] = (0.0, [])


def check_status(caller: Caller, arguments: dict[str, Any]) -> types.CallToolResult:
    """Raises nothing but database errors; bad arguments are a tool error."""
    if unknown := sorted(set(arguments) - {"reference"}):
        return present.tool_error(f"check_status takes only `reference`, not {', '.join(unknown)[:200]}.")
    reference = arguments.get("reference") or ""
    if not isinstance(reference, str):
        return present.tool_error("reference must be a string such as evt_0123456789abcdef.")
    return one(caller, reference.strip()) if reference.strip() else _all(caller)


def find(caller: Caller, reference: str) -> GovernanceRequest | None:
    """The caller's own request of this reference."""
    mine = GovernanceRequest.objects.select_related("execution", "tool").filter(agent_id=caller.agent_id)
    request = mine.filter(reference=reference[:20]).first()
    return request if request is not None and request.reference == reference else None


def unknown(reference: str) -> types.CallToolResult:
    return present.tool_error(f"No such reference among your requests: {reference[:40]}.")


def one(caller: Caller, reference: str) -> types.CallToolResult:
    """What is known of the caller's request."""
    request = find(caller, reference)
    if request is None:
        return unknown(reference)
    facts = _facts(request)
    stored, edited = present.tool_result(request), asked.edited_approval(request)
    if stored is not None:
        facts["result"] = stored
    if edited:
        facts["edited"] = asked.edited_facts(edited)
    result = types.CallToolResult(
        content=[types.TextContent(type="text", text=_sentence(request, facts))],
        structured_content=facts,
        _meta={present.REFERENCE: request.reference, **({asked.EDITED: facts["edited"]} if edited else {})},
    )
    if stored is not None:
        result.content.extend(present.real_result(request, stored, edited).content)
    return result


def _facts(request: GovernanceRequest) -> dict[str, Any]:
    facts = {**present.pending_facts(request), "tool": request.tool.exposed_name}
    decision = request.decision
    if decision is not None:
        facts["decision"] = str(decision.verdict)
        facts["decided_at"] = asked.iso(decision.created_at)
        facts["reason"] = decision.reason
    if question := request.open_question:
        facts["question"] = asked.question_facts(question)
    if answered := asked.answered_facts(request):
        facts["questions"] = answered
    if error := getattr(getattr(request, "execution", None), "error", ""):
        facts["error"] = error
    if facts["status"] not in present.OPEN_TEXT:
        del facts["poll_after_seconds"]
    return facts


def _sentence(request: GovernanceRequest, facts: dict[str, Any]) -> str:
    status = Status(facts["status"])
    if status in present.OPEN_TEXT:
        text = f"{request.reference} ({request.tool.exposed_name}) {present.OPEN_TEXT[status]}."
        if question := request.open_question:
            text = f"{text} {asked.question_text(question)}"
    elif "result" in facts:
        ran = "ran" if status == Status.SUCCEEDED else "ran and reported an error"
        text = f"{request.reference} ({request.tool.exposed_name}) was approved; the tool {ran}. Its result follows."
    else:
        return present.explain(request)
    return f"{text} Decision: {facts['decision']}. Reason: {facts['reason']}" if facts.get("reason") else text


def _all(caller: Caller) -> types.CallToolResult:
    problems = _problems() + offers.problems(caller.team_id)
    mine = GovernanceRequest.objects.filter(agent_id=caller.agent_id).open()
    mine = mine.filter(Q(deadline__gt=timezone.now()) | Q(status=Status.EXECUTING))
    rows = list(mine.select_related("tool").order_by("-received_at", "-id")[: LISTED + 1])
    in_question = Question.objects.filter(request__in=rows, answered_at=None).values_list("request_id", flat=True)
    asked_about = set(in_question)
    count = mine.count() if len(rows) > LISTED else len(rows)
    facts = {
        "gateway": "healthy" if not problems else "degraded",
        "problems": problems,
        "agent": caller.agent_name,
        "open_count": count,
        "open_requests": [
            {
                **present.pending_facts(row), "tool": row.tool.exposed_name,
                **({"has_question": True} if row.pk in asked_about and row.is_waiting else {}),
            }
            for row in rows[:LISTED]
        ],
    }
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=json.dumps(facts, ensure_ascii=False))],
        structured_content=facts,
    )


def _problems() -> list[str]:
    """Why the workflow stands still, looked up at most every two seconds."""
    global _health
    until, problems = _health
    if until <= time.monotonic():
        problems = workflow_health()
        _health = (time.monotonic() + HEALTH_SECONDS, problems)
    return problems
