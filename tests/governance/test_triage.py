import json

import pytest

from governance import actions
from governance.models import Assessment
from governance.states import Status
from tests.factories import make_request, make_score, overdue

pytestmark = pytest.mark.django_db


def triaged(score):
    request = make_request(status=Status.SCORING)
    actions.assess(request, score)
    actions.triage(request.pk)
    request.refresh_from_db()
    return request


def test_low_risk_is_approved_with_the_article_14_reason():
    request = triaged(make_score(69))
    assert request.status == Status.APPROVED
    decision = request.decisions.get()
    assert decision.reason == "Auto-approved based on Risk Score 69 per Article 14 Compliance."
    assert decision.reviewer is None and decision.source == "workflow"


def test_risk_from_70_on_waits_for_a_person():
    request = triaged(make_score(70))
    assert request.status == Status.IN_REVIEW
    assert not request.decisions.exists()


def test_a_failed_score_waits_for_a_person_who_sees_why():
    request = triaged(make_score(failure="the scorer did not answer"))
    assert request.status == Status.IN_REVIEW and request.risk_score == 100
    assert "the scorer did not answer" in request.transitions.last().reason


def test_a_scorer_that_says_pause_is_heard_below_the_threshold():
    request = make_request(status=Status.SCORING)
    Assessment.objects.create(
        request=request, risk_score=12, classification="LOW_RISK", action="PAUSE", rationale="", scorer="other"
    )
    assert actions.triage(request.pk) == Status.IN_REVIEW


def test_without_an_assessment_a_person_decides():
    request = make_request(status=Status.SCORING)
    assert actions.triage(request.pk) == Status.IN_REVIEW


def test_steps_can_be_repeated_without_a_second_effect():
    request = make_request(status=Status.SCORING)
    actions.begin_scoring(request.pk)
    first = actions.assess(request, make_score(20))
    second = actions.assess(request, make_score(99))
    assert first == second and Assessment.objects.count() == 1
    assert actions.triage(request.pk) == actions.triage(request.pk) == Status.APPROVED
    assert request.decisions.count() == 1
    assert request.transitions.count() == 3


def test_an_overdue_request_is_neither_scored_nor_approved():
    request = overdue(make_request(status=Status.RECEIVED))
    assert actions.begin_scoring(request.pk).status == Status.RECEIVED
    assert actions.triage(request.pk) == Status.RECEIVED
    assert actions.finalize(request.pk) == Status.EXPIRED


def test_the_evidence_names_score_and_scorer():
    request = triaged(make_score(42))
    payload = json.loads(request.evidence.get(fact="scored").payload)
    assert payload["risk_score"] == 42
    assert payload["scorer"] == "embedded" and payload["scorer_version"] == "1.0"
