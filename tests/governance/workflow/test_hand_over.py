"""A call that ran without a workflow and whose process died: unknown, or run again if its tool may be."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance import actions
from governance.actions.moves import REQUESTED
from governance.models import Execution, GovernanceRequest, OutboxEvent, Tool
from governance.states import Status
from governance.workflow import sweeper
from tests.factories import make_agent, make_tool
from tests.governance.test_express import POLICY, admitted
from tests.governance.workflow.test_executor import dead_owner
from tests.toolservers import Scripted

pytestmark = pytest.mark.django_db(transaction=True)


def abandoned(*, annotations: dict[str, Any]) -> GovernanceRequest:
    """An allowed call that a dead process admitted five minutes ago."""
    tool: Tool = make_tool("echo", annotations=annotations)
    actions.activate_policy(actions.save_policy(tool.server.team, POLICY))
    call = admitted(make_agent(), tool)
    Execution.objects.filter(request_id=call.request_id).update(
        claimed_by=dead_owner().partition("#")[0], claimed_at=timezone.now() - timedelta(minutes=5)
    )
    return GovernanceRequest.objects.get(pk=call.request_id)


def test_an_abandoned_call_ends_as_unknown() -> None:
    request = abandoned(annotations={})
    assert sweeper.resolve_abandoned(timezone.now()) == 1
    request.refresh_from_db()
    assert request.status == Status.OUTCOME_UNKNOWN
    assert not OutboxEvent.objects.exists()


def test_an_idempotent_one_is_given_to_the_workflow_which_runs_it_again(scripted: type[Scripted]) -> None:
    request = abandoned(annotations={"idempotentHint": True})
    assert sweeper.resolve_abandoned(timezone.now()) == 0
    assert [(event.request_id, event.name) for event in OutboxEvent.objects.all()] == [(request.pk, REQUESTED)]
    assert actions.finalize(request.pk) == Status.EXECUTING
    execution = actions.claim_execution(request.pk)
    actions.run_tool(execution)
    assert actions.record_outcome(request.pk) == Status.SUCCEEDED
    assert execution.attempts == 2
    assert scripted.calls == [("echo", {"amount": 1.5, "text": "hé"})]


def test_it_is_given_once_and_then_ends(scripted: type[Scripted]) -> None:
    request = abandoned(annotations={"idempotentHint": True})
    for seconds in (0, 30, 61):
        sweeper.resolve_abandoned(timezone.now() + timedelta(seconds=seconds))
    request.refresh_from_db()
    assert request.status == Status.OUTCOME_UNKNOWN
    assert OutboxEvent.objects.count() == 1
    assert scripted.calls == []


def test_after_its_attempts_it_is_not_given_again() -> None:
    request = abandoned(annotations={"idempotentHint": True})
    Execution.objects.update(attempts=actions.execute.MAX_ATTEMPTS)
    assert sweeper.resolve_abandoned(timezone.now()) == 1
    request.refresh_from_db()
    assert request.status == Status.OUTCOME_UNKNOWN
