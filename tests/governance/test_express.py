"""admit and settle leave what the long way leaves, stop at whatever an administrator did, and count one return."""

import json
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from governance import actions
from governance.actions import express
from governance.actions.express import AllowedCall, Return
from governance.canonical import bound_arguments
from governance.models import (
    Agent,
    Decision,
    EvidenceEntry,
    Execution,
    GovernanceRequest,
    OutboxEvent,
    PolicyVersion,
    Team,
    Tool,
    Transition,
)
from governance.states import Status
from governance.toolservers import ToolResult
from tests.factories import make_agent, make_tool
from tests.toolservers import Scripted

pytestmark = pytest.mark.django_db(transaction=True)

ARGUMENTS = {"text": "hé", "amount": 1.5}
POLICY = """\
version: 1
rules:
  - name: echoes
    effect: allow
    when: {tool: echo}
"""


@pytest.fixture
def tool() -> Tool:
    actions.activate_policy(actions.save_policy(Team.objects.default(), POLICY))
    return make_tool("echo")


def allowed(agent: Agent, tool: Tool, **fields: Any) -> AllowedCall:
    text, digest = bound_arguments(ARGUMENTS)
    version = PolicyVersion.objects.get(active=True)
    values = {
        "team_id": agent.team_id, "generation": Team.objects.get(pk=agent.team_id).generation, "agent_id": agent.pk,
        "agent": agent.name, "tool_id": tool.pk, "tool": tool.exposed_name, "server": tool.server.slug,
        "tool_digest": tool.digest, "arguments_json": text, "arguments_digest": digest, "version_id": version.pk,
        "version": version.number, "rule": "echoes", "reason": "Decided by rule echoes of policy 1.",
    }
    return AllowedCall(**{**values, **fields})


def admitted(agent: Agent, tool: Tool) -> AllowedCall:
    call = allowed(agent, tool)
    assert express.admit([call], now=timezone.now()) == [True]
    return call


# Moments, and what follows from the two ways themselves: one has a workflow that starts and finalizes.
OWN = {"id", "reference", "received_at", "deadline", "started_at", "decided_at", "finalized_at", "finished_at", "at",
       "created_at", "claimed_at", "lease_until", "returned_at", "request_id"}  # fmt: skip


def rows_of(request_id: UUID) -> list[Any]:
    """Everything that is stored of a request, without ids and moments."""
    found: list[Any] = []
    about = {"request_id": request_id}
    for model, which in (
        (GovernanceRequest, {"pk": request_id}), (Transition, about), (Decision, about), (Execution, about),
        (EvidenceEntry, about),
    ):  # fmt: skip
        for row in model.objects.filter(**which).order_by("pk").values():
            if "payload" in row:
                payload = json.loads(row["payload"])
                row["payload"] = {name: "" if name in OWN else value for name, value in payload.items()}
            found.append((model.__name__, {name: value for name, value in row.items() if name not in OWN}))
    return found


def the_long_way(agent: Agent, tool: Tool) -> UUID:
    request, _ = actions.receive(agent=agent, tool=tool, arguments=ARGUMENTS, stated_reason="Why.", intent="What.")
    execution = actions.claim_execution(request.pk)
    actions.run_tool(execution)
    actions.record_outcome(request.pk)
    return request.pk


ENDS = [
    (ToolResult([{"type": "text", "text": "Done."}], {"n": 0.5}, meta={"a": 1}), Status.SUCCEEDED),
    (ToolResult([{"type": "text", "text": "No."}], is_error=True), Status.FAILED),
]


@pytest.mark.parametrize(("result", "end"), ENDS)
def test_both_ways_leave_equal_rows(result: ToolResult, end: Status, tool: Tool, scripted: type[Scripted]) -> None:
    agent = make_agent()
    scripted.answers["echo"] = lambda arguments: result
    long = the_long_way(agent, tool)
    call = allowed(agent, tool, stated_reason="Why.", intent="What.")
    express.admit([call], now=timezone.now())
    express.settle([Return(call, result=result.as_json(), is_error=result.is_error)], now=timezone.now())
    assert GovernanceRequest.objects.get(pk=call.request_id).status == end
    assert rows_of(call.request_id) == rows_of(long)


def test_a_batch_leaves_the_rows_of_every_call(tool: Tool) -> None:
    calls = [allowed(make_agent(), tool) for _ in range(20)]
    assert express.admit(calls, now=timezone.now()) == [True] * 20
    assert express.settle([Return(call, error="gone", is_unknown=True) for call in calls], now=timezone.now()) == (
        [True] * 20
    )
    assert GovernanceRequest.objects.filter(status=Status.OUTCOME_UNKNOWN).count() == 20
    assert Transition.objects.count() == EvidenceEntry.objects.exclude(request=None).count() == 80
    assert not OutboxEvent.objects.exists()


def test_the_row_has_its_moments(tool: Tool) -> None:
    now = timezone.now()
    call = allowed(make_agent(), tool, deadline_seconds=90)
    express.admit([call], now=now)
    request = GovernanceRequest.objects.get(pk=call.request_id)
    assert request.received_at == request.started_at == request.decided_at == request.finalized_at == now
    assert request.deadline == now + timedelta(seconds=90)
    assert request.execution.lease_until == actions.execute.lease(now)
    assert request.finished_at is None


def test_only_calls_of_a_team_that_changed_are_ruled_on_again(tool: Tool) -> None:
    team = Team.objects.create(slug="other", name="Other")
    stays, changes = make_agent(), make_agent(team=team)
    calls = [allowed(stays, tool), allowed(changes, tool)]
    actions.halt(changes, reason="Runs wild.")
    assert express.admit(calls, now=timezone.now()) == [True, False]
    assert [request.pk for request in GovernanceRequest.objects.all()] == [calls[0].request_id]


def test_a_halt_that_is_under_way_is_waited_for(tool: Tool) -> None:
    """Two connections: the halt has not committed when the call asks to be admitted."""
    agent = make_agent()
    call = allowed(agent, tool)
    halted, outcome = threading.Event(), []

    def ask() -> None:
        halted.wait(30)
        try:
            outcome.append(express.admit([call], now=timezone.now()))
        finally:
            connection.close()

    asking = threading.Thread(target=ask)
    asking.start()
    with transaction.atomic():
        actions.halt(agent, reason="Runs wild.")
        halted.set()
        asking.join(0.5)
        assert not outcome
    asking.join(30)
    assert outcome == [[False]]
    assert not GovernanceRequest.objects.exists()


def test_a_return_after_the_sweepers_verdict_is_ignored(tool: Tool) -> None:
    call = admitted(make_agent(), tool)
    Execution.objects.update(claimed_by="another|1|x", lease_until=timezone.now() - timedelta(minutes=5))
    assert actions.resolve_abandoned(GovernanceRequest.objects.select_related("execution").get(pk=call.request_id))
    assert express.settle([Return(call, result={"content": [], "isError": False})], now=timezone.now()) == [False]
    request = GovernanceRequest.objects.get(pk=call.request_id)
    assert (request.status, request.execution.result) == (Status.OUTCOME_UNKNOWN, None)
    assert EvidenceEntry.objects.filter(request=request, fact="outcome").count() == 1


def test_a_second_return_is_ignored(tool: Tool) -> None:
    call = admitted(make_agent(), tool)
    first, second = (Return(call, result={"content": [], "isError": False}), Return(call, is_unknown=True, error="x"))
    assert express.settle([first, second], now=timezone.now()) == [True, False]
    assert GovernanceRequest.objects.get(pk=call.request_id).status == Status.SUCCEEDED


def test_a_result_without_an_exact_form_is_kept(tool: Tool) -> None:
    call = admitted(make_agent(), tool)
    result = {"content": [], "isError": False, "structuredContent": {"n": 2**60}}
    assert express.settle([Return(call, result=result)], now=timezone.now()) == [True]
    assert Execution.objects.get(request_id=call.request_id).result == result
