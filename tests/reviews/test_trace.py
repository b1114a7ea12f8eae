"""The trace: every step of a request from call to outcome, in order, with its time, who did it and its evidence."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from governance import actions
from governance.models import EvidenceEntry, GovernanceRequest, User
from governance.models.decisions import Source
from governance.states import Status, Verdict
from reviews.access import visible_request
from reviews.tracing import Trace, trace_of
from tests.factories import _execute, make_agent, make_request, make_reviewer, make_team, overdue

pytestmark = pytest.mark.django_db


@pytest.fixture
def sarah() -> User:
    return make_reviewer("sarah", first_name="Sarah", last_name="Okafor")


def traced(request: GovernanceRequest) -> Trace:
    user = User.objects.create_superuser("root")
    return trace_of(visible_request(user, request.reference))


def whats(request: GovernanceRequest) -> list[str]:
    return [step.what for step in traced(request).steps]


def test_a_call_that_goes_through_alone() -> None:
    assert whats(make_request(status=Status.SUCCEEDED)) == [
        "Call received", "Policy asked", "Scored", "Approved", "Execution claimed", "The tool returned", "Ended well",
    ]


def test_a_call_with_all_that_people_can_do(sarah: User, settings) -> None:
    settings.UNDO_SECONDS = 60
    jonas, agent = make_reviewer("jonas"), make_agent()
    request = make_request(agent=agent)
    actions.claim(request, reviewer=jonas)
    actions.hand_over(request, reviewer=jonas, to=sarah, note="You know her.")
    actions.ask(request, reviewer=sarah, text="Why now?")
    actions.answer(request, agent=agent, text="Rent is due.")
    actions.extend(request, reviewer=sarah, seconds=3_600)
    actions.decide(request, reviewer=sarah, verdict=Verdict.APPROVED, source=Source.CONSOLE)
    actions.undo(request, reviewer=sarah)
    edited = {**request.arguments, "days": 7}
    request.refresh_from_db()
    actions.decide(request, reviewer=sarah, verdict=Verdict.APPROVED, source=Source.ADMIN, arguments=edited)
    _execute(request, Status.SUCCEEDED, None, "")
    found = whats(request)
    places = [found.index(what) for what in (
        "Call received", "Put before a person", "Claimed by a reviewer", "Handed over", "Asked the agent",
        "The agent answered", "Deadline extended", "Approved", "Approval undone", "Edited by the reviewer",
        "Execution claimed", "The tool returned", "Ended well",
    )]
    assert places == sorted(places)
    assert found.count("Approved") == 2


def test_steps_name_people_and_their_evidence(sarah: User) -> None:
    request = make_request(status=Status.DENIED, reviewer=sarah, reason="No proof")
    (step,) = [step for step in traced(request).steps if step.what == "Rejected"]
    assert (step.who, step.detail, step.kind) == ("Sarah Okafor", "No proof", "person")
    assert EvidenceEntry.objects.get(pk=step.evidence).fact == "decided"


def test_waiting_for_a_person_is_told_from_the_rest(sarah: User) -> None:
    request = make_request()
    GovernanceRequest.objects.filter(pk=request.pk).update(received_at=timezone.now() - timedelta(hours=1))
    actions.decide(request, reviewer=sarah, verdict=Verdict.REJECTED, reason="x", source=Source.ADMIN)
    trace = traced(request)
    assert {"person", "gateway"} == {phase.kind for phase in trace.phases}
    assert trace.total == pytest.approx(trace.by_people() + trace.by_machines())
    assert sum(phase.share for phase in trace.phases) == pytest.approx(1)


def test_one_that_expired_waited_to_its_end() -> None:
    request = make_request()
    overdue(request)
    actions.expire(request)
    (step,) = [step for step in traced(request).steps if step.what == "Expired"]
    assert step.seconds is not None
    assert step.detail


@pytest.mark.parametrize("status", [status for status in Status if status != Status.CANCELLED])
def test_every_state_has_a_page(as_sarah: Client, status: Status) -> None:
    request = make_request(status=status)
    page = as_sarah.get(f"/requests/{request.reference}/trace/")
    assert page.status_code == 200
    assert "style=" not in page.content.decode()


def test_what_no_verb_wrote_is_traced_by_its_moves(as_sarah: Client) -> None:
    request = make_request(status=Status.SUCCEEDED)
    made = GovernanceRequest.objects.get(pk=request.pk)
    made.pk, made.reference, made.execution = None, "evt_0000000000000001", None
    made.save()
    made.transitions.create(to_status=Status.RECEIVED, actor="agent:a")
    assert as_sarah.get(f"/requests/{made.reference}/trace/").status_code == 200


def test_words_of_agents_and_people_stay_words(as_sarah: Client, sarah: User) -> None:
    request = make_request(status=Status.DENIED, reviewer=sarah, reason="<script>alert(1)</script>")
    assert "<script>alert" not in as_sarah.get(f"/requests/{request.reference}/trace/").content.decode()


def test_another_teams_trace_is_not_there(as_sarah: Client) -> None:
    request = make_request(agent=make_agent(team=make_team()))
    assert as_sarah.get(f"/requests/{request.reference}/trace/").status_code == 404
    assert as_sarah.get("/requests/evt_0000000000000000/trace/").status_code == 404
