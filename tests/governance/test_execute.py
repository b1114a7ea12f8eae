import json
import threading

import pytest
from django.db import connection
from django.utils import timezone

from governance import actions
from governance.actions.execute import MAX_ATTEMPTS, StillExecuting
from governance.errors import DownstreamFailed, DownstreamUnknown, WrongState
from governance.models import Execution, GovernanceRequest, Tool
from governance.models.decisions import Source
from governance.process import identity
from governance.states import Status, Verdict
from governance.toolservers import ToolResult
from tests.factories import make_request, make_reviewer, make_tool, overdue

pytestmark = pytest.mark.django_db

DEAD = identity().split("|")[0] + "|999999999|gone"


def execute(request):
    """The workflow's two steps."""
    execution = actions.claim_execution(request.pk)
    if execution:
        actions.run_tool(execution)
    actions.record_outcome(request.pk)
    request.refresh_from_db()
    return request


def approved(**more):
    return make_request(status=Status.APPROVED, **more)


def test_an_approved_call_runs_with_exactly_its_arguments(scripted):
    answer = ToolResult([{"type": "text", "text": "New date: 15 March"}])
    scripted.answers["request_payment_extension"] = lambda _: answer
    request = execute(approved(arguments={"beneficiary_id": "BEN-123", "days": 14}))
    assert request.status == Status.SUCCEEDED and request.finished_at
    assert scripted.calls == [("request_payment_extension", {"beneficiary_id": "BEN-123", "days": 14})]
    assert request.execution.result["content"][0]["text"] == "New date: 15 March"
    assert [entry.fact for entry in request.evidence.all()] == ["received", "scored", "decided", "executed", "outcome"]


def test_repeating_the_steps_runs_nothing_twice(scripted):
    request = approved()
    execute(request)
    execute(request)
    assert len(scripted.calls) == 1
    assert Execution.objects.count() == 1


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.SCORING, Status.IN_REVIEW, Status.DENIED, Status.EXPIRED])
def test_nothing_but_an_approved_request_runs(scripted, status):
    request = execute(make_request(status=status))
    assert request.status == status and not scripted.calls


def test_an_approval_past_its_deadline_is_not_used(scripted):
    request = execute(overdue(approved()))
    assert request.status == Status.EXPIRED and not scripted.calls


def test_changed_arguments_do_not_run(scripted):
    request = approved()
    GovernanceRequest.objects.filter(pk=request.pk).update(arguments_json='{"days":9999}')
    assert_sent_back(execute(request), scripted, "not the ones that the agent sent")
    with pytest.raises(WrongState, match="not the ones that the agent sent"):
        approve(request)


def test_a_status_without_a_decision_does_not_run(scripted):
    request = make_request()
    GovernanceRequest.objects.filter(pk=request.pk).update(status=Status.APPROVED)
    assert_sent_back(execute(request), scripted, "no approval")


def test_a_call_of_a_meanwhile_halted_agent_is_parked_until_it_is_resumed(scripted):
    request = approved()
    actions.halt(request.agent, reason="odd")
    assert_sent_back(execute(request), scripted, "is halted: odd")
    with pytest.raises(WrongState, match="is halted: odd"):
        approve(request)
    actions.resume(request.agent, reason="looked at")
    approve(request)
    assert execute(request).status == Status.SUCCEEDED
    assert [decision.round for decision in request.decisions.order_by("id")] == [1, 2]


def test_a_call_of_a_changed_tool_goes_back_to_review_and_runs_when_approved_again(scripted):
    request = approved()
    Tool.objects.filter(pk=request.tool_id).update(digest="e" * 64, offered_digest="e" * 64)
    assert_sent_back(execute(request), scripted, "not the one that was approved")
    assert request.tool_digest == "e" * 64
    approve(request)
    assert execute(request).status == Status.SUCCEEDED


def test_a_call_whose_server_was_moved_after_the_approval_goes_back_to_review(scripted):
    request = approved()
    server = request.tool.server
    server.url = "https://elsewhere.example/mcp"
    server.save(update_fields=["url"])
    assert_sent_back(execute(request), scripted, "was changed after the approval")
    approve(request)
    assert execute(request).status == Status.SUCCEEDED


def test_another_name_for_a_server_sends_nothing_back(scripted):
    request = approved()
    request.tool.server.name = "Office"
    request.tool.server.save(update_fields=["name"])
    assert execute(request).status == Status.SUCCEEDED


def test_a_call_of_a_quarantined_tool_cannot_be_approved(scripted):
    request = make_request()
    Tool.objects.filter(pk=request.tool_id).update(offered_digest="e" * 64)
    with pytest.raises(WrongState, match="waits until a person accepts it"):
        approve(request)


def test_a_call_that_the_policy_denies_by_now_goes_back_to_review(scripted):
    request = approved()
    text = "version: 1\nrules:\n  - {name: no-payments, effect: deny, message: Not now.}\n"
    actions.activate_policy(actions.save_policy(request.team, text))
    assert_sent_back(execute(request), scripted, "rule no-payments of policy 1 denies")
    with pytest.raises(WrongState, match="denies this call"):
        approve(request)


def approve(request):
    return actions.decide(
        request, reviewer=make_reviewer(team=request.team), verdict=Verdict.APPROVED, source=Source.API
    )


def assert_sent_back(request, scripted, reason):
    assert request.status == Status.IN_REVIEW and not scripted.calls
    assert request.round == 2 and request.decided_at is None
    assert reason in request.transitions.last().reason


def raising(error):
    def answer(_):
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (lambda _: ToolResult([{"type": "text", "text": "no such beneficiary"}], is_error=True), Status.FAILED),
        (raising(DownstreamFailed("refused the connection")), Status.FAILED),
        (raising(DownstreamUnknown("no answer in time")), Status.OUTCOME_UNKNOWN),
        (raising(KeyError("a bug in the backend")), Status.OUTCOME_UNKNOWN),
    ],
)
def test_how_a_call_can_end(scripted, answer, end):
    scripted.answers["request_payment_extension"] = answer
    assert execute(approved()).status == end


def test_a_process_that_died_in_the_middle_leaves_an_unknown_outcome(scripted):
    request = make_request(status=Status.EXECUTING)
    Execution.objects.update(claimed_by=DEAD)
    execute(request)
    assert request.status == Status.OUTCOME_UNKNOWN and not scripted.calls


def test_an_idempotent_tool_runs_again_after_a_crash_but_not_for_ever(scripted):
    tool = make_tool("check_payment_status", annotations={"idempotentHint": True})
    request = make_request(status=Status.EXECUTING, tool=tool)
    Execution.objects.update(claimed_by=DEAD)
    execute(request)
    assert request.status == Status.SUCCEEDED and request.execution.attempts == 2

    worn_out = make_request(status=Status.EXECUTING, tool=tool)
    Execution.objects.filter(request=worn_out).update(claimed_by=DEAD, attempts=MAX_ATTEMPTS)
    assert execute(worn_out).status == Status.OUTCOME_UNKNOWN


def test_a_claim_of_a_living_process_is_respected_until_its_lease_ends(scripted):
    request = make_request(status=Status.EXECUTING)
    with pytest.raises(StillExecuting):
        actions.claim_execution(request.pk)
    Execution.objects.update(lease_until=timezone.now())
    assert execute(request).status == Status.OUTCOME_UNKNOWN


def test_the_late_return_of_a_slow_process_changes_nothing(scripted):
    request = approved()
    slow = actions.claim_execution(request.pk)
    Execution.objects.update(lease_until=timezone.now())
    assert execute(request).status == Status.OUTCOME_UNKNOWN
    actions.run_tool(slow)
    actions.record_outcome(request.pk)
    request.refresh_from_db()
    assert request.status == Status.OUTCOME_UNKNOWN
    assert Execution.objects.get().result is None


def test_the_sweeper_ends_what_nobody_drives(scripted):
    alive = make_request(status=Status.EXECUTING)
    assert not actions.resolve_abandoned(alive)
    Execution.objects.update(claimed_by=DEAD)
    alive.refresh_from_db()
    assert actions.resolve_abandoned(GovernanceRequest.objects.get(pk=alive.pk))
    alive.refresh_from_db()
    assert alive.status == Status.OUTCOME_UNKNOWN


def test_the_outcome_carries_the_digest_of_the_result_not_the_result(scripted):
    scripted.answers["request_payment_extension"] = lambda _: ToolResult([{"type": "text", "text": "secret detail"}])
    request = execute(approved())
    payload = request.evidence.get(fact="outcome").payload
    assert "secret detail" not in payload and len(json.loads(payload)["result_digest"]) == 64


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_exactly_one_runs_the_call(scripted):
    request = approved()
    barrier = threading.Barrier(6)

    def run():
        try:
            barrier.wait(timeout=30)
            execution = actions.claim_execution(request.pk)
            if execution:
                actions.run_tool(execution)
        except Exception:  # the losers: somebody was faster
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join(timeout=60) for thread in threads]
    assert len(scripted.calls) == 1
    assert actions.record_outcome(request.pk) == Status.SUCCEEDED
