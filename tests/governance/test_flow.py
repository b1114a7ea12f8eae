"""The whole flow inside one process: verbs, outbox, embedded executor, scorer and a scripted tool server."""

import pytest

from governance import actions
from governance.models import Decision, Execution, GovernanceRequest, Run
from governance.models.decisions import Source
from governance.scoring.base import Score
from governance.states import Status, Verdict
from governance.toolservers import ToolResult
from governance.workflow.workers import Workers
from tests.factories import make_agent, make_reviewer, make_tool, overdue
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class FixedScorer:
    """Scores by the argument `risk`."""

    def score(self, call) -> Score:
        risk = call.arguments["risk"]
        return Score(
            risk_score=risk, classification="HIGH_RISK" if risk >= 70 else "LOW_RISK",
            action="PAUSE" if risk >= 70 else "ALLOW", rationale="as told", scorer="fixed", version="1",
        )


@pytest.fixture
def workers(settings, scripted):
    settings.SCORER = "fixed"
    settings.SCORERS = {"fixed": f"{__name__}.FixedScorer"}
    workers = Workers()
    workers.start()
    yield workers
    workers.stop(timeout=30)


def call(risk: int) -> GovernanceRequest:
    agent = make_agent()
    return actions.receive(agent=agent, tool=make_tool("echo", team=agent.team), arguments={"risk": risk})[0]


def reaches(request: GovernanceRequest, status: Status) -> GovernanceRequest:
    wait_for(
        lambda: GovernanceRequest.objects.filter(pk=request.pk, status=status).exists(),
        f"{request.reference} to become {status}",
    )
    request.refresh_from_db()
    return request


def run_ends() -> Run:
    return wait_for(lambda: Run.objects.filter(state="COMPLETED").first(), "the run to complete")


def decide(request: GovernanceRequest, verdict: Verdict) -> None:
    actions.decide(request, reviewer=make_reviewer(), verdict=verdict, reason="seen", source=Source.API)


def test_low_risk_runs_without_a_person(workers, scripted):
    request = reaches(call(20), Status.SUCCEEDED)
    assert scripted.calls == [("echo", {"risk": 20})]
    assert [t.to_status for t in request.transitions.all()] == [
        "received", "scoring", "approved", "executing", "succeeded",
    ]
    run_ends()


def test_high_risk_runs_once_after_an_approval(workers, scripted):
    request = reaches(call(90), Status.IN_REVIEW)
    assert not scripted.calls
    decide(request, Verdict.APPROVED)
    reaches(request, Status.SUCCEEDED)
    assert scripted.calls == [("echo", {"risk": 90})]
    run_ends()
    assert Execution.objects.count() == Decision.objects.count() == Run.objects.count() == 1


def test_a_rejected_call_never_runs_and_its_workflow_ends(workers, scripted):
    request = reaches(call(90), Status.IN_REVIEW)
    decide(request, Verdict.REJECTED)
    run_ends()
    request.refresh_from_db()
    assert request.status == Status.DENIED and request.finalized_at
    assert not scripted.calls


def test_silence_ends_as_expired(workers, scripted, settings):
    settings.DEADLINE_SECONDS = 1
    request = reaches(call(90), Status.EXPIRED)
    run_ends()
    assert not scripted.calls and not request.decisions.exists()


def test_a_tool_that_reports_an_error_ends_as_failed(workers, scripted):
    scripted.answers["echo"] = lambda _: ToolResult([{"type": "text", "text": "no"}], is_error=True)
    request = reaches(call(10), Status.FAILED)
    assert request.execution.result["isError"]


def test_a_call_made_while_nothing_worked_is_picked_up_at_the_start(settings, scripted):
    settings.SCORER = "fixed"
    settings.SCORERS = {"fixed": f"{__name__}.FixedScorer"}
    request = call(20)
    late = Workers()
    late.start()
    try:
        reaches(request, Status.SUCCEEDED)
    finally:
        late.stop(timeout=30)


def test_a_decision_made_while_nothing_worked_is_carried_out_at_the_start(settings, scripted):
    settings.SCORER = "fixed"
    settings.SCORERS = {"fixed": f"{__name__}.FixedScorer"}
    first = Workers()
    first.start()
    try:
        request = reaches(call(90), Status.IN_REVIEW)
    finally:
        first.stop(timeout=30)
    decide(request, Verdict.APPROVED)
    second = Workers()
    second.start()
    try:
        reaches(request, Status.SUCCEEDED)
    finally:
        second.stop(timeout=30)
    assert len(scripted.calls) == 1


def test_an_approval_that_comes_too_late_is_not_used(settings, scripted, workers):
    request = reaches(call(90), Status.IN_REVIEW)
    overdue(request)
    reaches(request, Status.EXPIRED)
    assert not scripted.calls
