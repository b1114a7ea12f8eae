import json
import threading

import pytest
from django.db import connection

from governance import actions
from governance.errors import AlreadyDecided, GovernanceError, InvalidArguments, NotAllowed, WrongState
from governance.models import Decision, Membership, OutboxEvent, Role
from governance.models.decisions import Source
from governance.states import Status, Verdict
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_viewer, overdue

pytestmark = pytest.mark.django_db


def decide(request, reviewer, verdict=Verdict.APPROVED, reason="fine", source=Source.CONSOLE):
    return actions.decide(request, reviewer=reviewer, verdict=verdict, reason=reason, source=source)


def test_a_decision_moves_the_request_and_wakes_the_workflow():
    request, sarah = make_request(), make_reviewer("sarah")
    decide(request, sarah, reason="  Hardship is documented. ")
    request.refresh_from_db()
    assert request.status == Status.APPROVED and request.decided_at
    assert request.decisions.get().reason == "Hardship is documented."
    event = OutboxEvent.objects.get(name="atlas/sarah.decision")
    assert event.event_id == f"request:{request.pk}:decision:1"
    assert "APPROVED" not in json.dumps(event.data)  # the row decides, never the event
    payload = json.loads(request.evidence.get(fact="decided").payload)
    assert payload["verdict"] == "APPROVED" and payload["arguments_digest"] == request.arguments_digest


def test_a_rejection_ends_the_request():
    request = make_request()
    decide(request, make_reviewer(), Verdict.REJECTED, "No documents")
    request.refresh_from_db()
    assert request.status == Status.DENIED and request.finished_at


def test_the_second_reviewer_is_told_who_decided_and_when():
    request = make_request()
    decide(request, make_reviewer("sarah"), Verdict.REJECTED)
    with pytest.raises(AlreadyDecided, match=r"rejected by sarah at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"):
        decide(request, make_reviewer("tom"))
    assert Decision.objects.count() == 1


def test_the_same_verdict_again_by_the_same_reviewer_is_the_same_decision():
    request, sarah = make_request(), make_reviewer()
    assert decide(request, sarah) == decide(request, sarah)
    assert OutboxEvent.objects.filter(name="atlas/sarah.decision").count() == 1


def test_the_same_reviewer_cannot_turn_round_a_decision():
    request, sarah = make_request(), make_reviewer()
    decide(request, sarah)
    with pytest.raises(AlreadyDecided):
        decide(request, sarah, Verdict.REJECTED)


def test_the_owner_of_the_agent_cannot_decide():
    owner = make_reviewer()
    with pytest.raises(NotAllowed, match="own this agent"):
        decide(make_request(agent=make_agent(owner=owner)), owner)


def test_rights_come_from_permission_and_role_and_team():
    request = make_request()
    viewer_in_group = make_reviewer(role=Role.VIEWER)
    operator = make_reviewer(role=Role.OPERATOR)
    for person in (
        make_viewer(), viewer_in_group, operator, make_reviewer(in_group=False), make_reviewer(team=make_team()),
        make_reviewer(is_active=False),
    ):
        with pytest.raises(NotAllowed):
            decide(request, person)
    assert not Decision.objects.exists()
    decide(request, make_reviewer(role=Role.ADMIN))


def test_a_reviewer_who_lost_the_role_meanwhile_is_refused():
    request, sarah = make_request(), make_reviewer()
    Membership.objects.filter(user=sarah).update(role=Role.VIEWER)
    with pytest.raises(NotAllowed):
        decide(request, sarah)


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.SCORING])
def test_what_is_not_in_review_cannot_be_decided(status):
    with pytest.raises(WrongState, match="nothing waits"):
        decide(make_request(status=status), make_reviewer())


def test_after_the_deadline_nobody_can_approve():
    request = overdue(make_request())
    with pytest.raises(WrongState, match="expired"):
        decide(request, make_reviewer())
    request.refresh_from_db()
    assert request.status == Status.IN_REVIEW and not request.decisions.exists()


def test_a_reason_has_a_bound():
    with pytest.raises(InvalidArguments, match="4,000"):
        decide(make_request(), make_reviewer(), reason="x" * 4_001)


@pytest.mark.django_db(transaction=True)
def test_of_many_decisions_at_once_exactly_one_wins():
    request = make_request()
    reviewers = [make_reviewer() for _ in range(8)]
    barrier = threading.Barrier(len(reviewers))
    outcomes = []

    def run(number, reviewer):
        try:
            barrier.wait(timeout=30)
            decide(request, reviewer, Verdict.REJECTED if number % 2 else Verdict.APPROVED)
            outcomes.append("won")
        except AlreadyDecided:
            outcomes.append("told")
        except GovernanceError as error:
            outcomes.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(reviewers)]
    [thread.start() for thread in threads]
    [thread.join(timeout=60) for thread in threads]
    assert sorted(outcomes) == ["told"] * 7 + ["won"]
    assert Decision.objects.count() == 1
    request.refresh_from_db()
    assert request.status == Decision.objects.get().verdict.lower().replace("rejected", "denied")
