"""Waiting calls of low risk that are the same, each of an agent of its own."""

from typing import Any

from governance import actions
from governance.models import GovernanceRequest
from tests.factories import make_agent, make_score, make_tool

ARGUMENTS = {"beneficiary_id": "BEN-123", "note": "<b>Whole</b> note. " * 30}


def make_alike(number: int = 2, *, risk: int = 20, **fields: Any) -> list[GovernanceRequest]:
    return [make_low(risk=risk, stated_reason=f"Reason {n}.", **fields) for n in range(number)]


def make_low(*, risk: int = 20, stated_reason: str = "", arguments: dict[str, Any] | None = None) -> GovernanceRequest:
    request, _ = actions.receive(
        agent=make_agent(), tool=make_tool("note_it"), arguments=arguments or ARGUMENTS, stated_reason=stated_reason
    )
    GovernanceRequest.objects.filter(pk=request.pk).update(threshold=0)  # a rule wants a person whatever the score
    request = actions.begin_scoring(request.pk)
    actions.assess(request, make_score(risk))
    actions.triage(request.pk)
    request.refresh_from_db()
    return request
