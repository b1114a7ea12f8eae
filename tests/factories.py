"""Rows for tests, made by the real verbs wherever there is one.

make_request(status=…) walks a request to that status: received, scored, decided, executed, as the workflow would.
"""

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from governance import actions
from governance.groups import REVIEWERS
from governance.models import Agent, Execution, GovernanceRequest, Membership, Role, Team, Tool, ToolServer, User
from governance.models.decisions import Source
from governance.scoring.base import Contribution, Score
from governance.states import Status, Verdict

DIGEST = "d" * 64  # of a definition that somebody accepted
PASSWORD = "correct horse battery staple"

_number = count(1)



def make_team(name: str = "", **fields: Any) -> Team:
    name = name or f"Team {next(_number)}"
    return Team.objects.create(slug=name.lower().replace(" ", "-"), name=name, **fields)


def make_agent(name: str = "", *, team: Team | None = None, owner: User | None = None) -> Agent:
    return Agent.objects.create(
        team=team or Team.objects.default(), name=name or f"agent-{next(_number)}", owner=owner
    )


def make_tool(
    name: str = "request_payment_extension", *, team: Team | None = None, annotations: Mapping[str, Any] | None = None,
    input_schema: Mapping[str, Any] | None = None,
) -> Tool:
    """The tool of that name on the team's welfare server; made when missing."""
    server, _ = ToolServer.objects.get_or_create(
        team=team or Team.objects.default(), slug="welfare", defaults={"name": "Welfare office", "kind": "welfare"}
    )
    tool, _ = Tool.objects.get_or_create(
        server=server, name=name,
        defaults={
            "exposed_name": name, "annotations": dict(annotations or {}),
            "input_schema": dict(input_schema or {"type": "object"}), "digest": DIGEST, "offered_digest": DIGEST,
        },
    )
    return tool


def make_reviewer(
    username: str = "", *, team: Team | None = None, role: Role = Role.REVIEWER, in_group: bool = True, **fields: Any
) -> User:
    """A person with PASSWORD, member of the team; in the group Reviewers unless told otherwise."""
    user = User.objects.create_user(username or f"person{next(_number)}", password=PASSWORD, **fields)
    if in_group:
        user.groups.add(Group.objects.get_or_create(name=REVIEWERS)[0])
    Membership.objects.create(team=team or Team.objects.default(), user=user, role=role)
    return user


def make_viewer(username: str = "", **fields: Any) -> User:
    return make_reviewer(username, role=Role.VIEWER, in_group=False, **fields)


def make_score(risk: int = 82, *, failure: str = "", contributions: tuple[Contribution, ...] | None = None) -> Score:
    """A score; `failure` makes it the record of there being none (100, pause)."""
    if failure:
        return Score(
            risk_score=100, classification="HIGH_RISK", action="PAUSE", rationale="", scorer="embedded", version="1.0",
            failure=failure,
        )
    if contributions is None:
        contributions = (
            Contribution("writes", "Writes to a payment record", risk + 12),
            Contribution("named", "The beneficiary is named in the request", -12),
        )
    band = "HIGH_RISK" if risk >= 70 else "MEDIUM_RISK" if risk >= 40 else "LOW_RISK"
    return Score(
        risk_score=risk, classification=band, action="PAUSE" if risk >= 70 else "ALLOW",
        rationale="It changes when money is paid.", contributions=contributions, scorer="embedded", version="1.0",
    )


def make_request(
    *,
    status: Status = Status.IN_REVIEW,
    agent: Agent | None = None,
    tool: Tool | None = None,
    team: Team | None = None,
    arguments: Mapping[str, Any] | None = None,
    risk: int | None = None,
    score: Score | None = None,
    reviewer: User | None = None,
    reason: str = "",
    result: Mapping[str, Any] | None = None,
    error: str = "",
    stated_reason: str = "",
    intent: str = "",
    context: Any = None,
) -> GovernanceRequest:
    """A request at `status`. Different arguments each time unless given.

    A decision is `reviewer`'s; without one, approvals are the workflow's own and a rejection makes a reviewer.
    """
    team = team or (agent.team if agent else Team.objects.default())
    agent = agent or Agent.objects.filter(team=team).first() or make_agent(team=team)
    tool = tool or make_tool(team=team)
    arguments = arguments or {"beneficiary_id": f"BEN-{next(_number):03d}", "days": 14, "reason": "Hardship"}
    request, _ = actions.receive(
        agent=agent, tool=tool, arguments=arguments, stated_reason=stated_reason, intent=intent, context=context
    )
    if status == Status.RECEIVED:
        return request
    request = actions.begin_scoring(request.pk)
    if status == Status.SCORING:
        return request
    passes_alone = status not in (Status.IN_REVIEW, Status.DENIED, Status.EXPIRED) and reviewer is None
    risk = risk if risk is not None else 12 if passes_alone else 82
    actions.assess(request, score or make_score(risk))
    actions.triage(request.pk)
    request.refresh_from_db()
    if status == Status.EXPIRED:
        overdue(request)
        actions.expire(request)
    elif status != Status.IN_REVIEW and request.status == Status.IN_REVIEW:
        actions.decide(
            request, reviewer=reviewer or make_reviewer(team=team), reason=reason, source=Source.CONSOLE,
            verdict=Verdict.REJECTED if status == Status.DENIED else Verdict.APPROVED,
        )
        release_now(request)
    if status in (Status.EXECUTING, Status.SUCCEEDED, Status.FAILED, Status.OUTCOME_UNKNOWN):
        _execute(request, status, result, error)
    request.refresh_from_db()
    assert request.status == status, f"made {request.status}, not {status}"
    return request


def release_now(request: GovernanceRequest) -> GovernanceRequest:
    """Lets the time for an undo pass."""
    GovernanceRequest.objects.filter(pk=request.pk).update(release_at=None)
    request.release_at = None
    return request


def overdue(request: GovernanceRequest) -> GovernanceRequest:
    """Lets the deadline pass."""
    request.deadline = timezone.now() - timedelta(seconds=1)
    request.save(update_fields=["deadline"])
    return request


def _execute(request: GovernanceRequest, status: Status, result: Mapping[str, Any] | None, error: str) -> None:
    """Claims the execution and, unless it stays executing, notes a return as the tool server would have made it."""
    execution = actions.claim_execution(request.pk)
    if status == Status.EXECUTING:
        return
    text = "Done." if status == Status.SUCCEEDED else error or "No beneficiary BEN-999."
    Execution.objects.filter(pk=execution.pk).update(
        returned_at=timezone.now(), is_error=status == Status.FAILED, is_unknown=status == Status.OUTCOME_UNKNOWN,
        error=error if status != Status.SUCCEEDED else "",
        result=None if status == Status.OUTCOME_UNKNOWN else result
        or {"content": [{"type": "text", "text": text}], "isError": status == Status.FAILED},
    )
    actions.record_outcome(request.pk)
