"""Deciding identical calls of low risk in one act: everything shown, each decided by itself."""

import pytest
from django.test import Client

from governance import actions
from governance.models import Decision, GovernanceRequest, User
from governance.models.decisions import Source
from governance.states import Status, Verdict
from tests.factories import make_request, make_reviewer, make_team
from tests.reviews.alike import ARGUMENTS, make_alike, make_low

pytestmark = pytest.mark.django_db


def names(requests: list[GovernanceRequest]) -> list[str]:
    return [request.reference for request in requests]


def look(client: Client, requests: list[GovernanceRequest], **headers: str) -> str:
    return client.get("/queue/batch/", {"r": names(requests)}, headers=headers).content.decode()


def send(client: Client, requests: list[GovernanceRequest], verdict: str = "APPROVED", reason: str = "") -> object:
    return client.post("/queue/batch/", {"r": names(requests), "verdict": verdict, "reason": reason})


def test_every_argument_is_shown_whole_and_every_agents_reason(as_sarah: Client) -> None:
    text = look(as_sarah, make_alike(3))
    assert ARGUMENTS["note"].replace("<", "&lt;").replace(">", "&gt;") in text
    assert all(f"Reason {n}." in text for n in range(3))
    assert "Approve and run note_it for each" in text


def test_the_queues_script_gets_the_part_alone(as_sarah: Client) -> None:
    requests = make_alike()
    assert "<html" in look(as_sarah, requests)
    assert "<html" not in look(as_sarah, requests, **{"HX-Request": "true"})


def test_each_is_decided_and_told(as_sarah: Client, sarah: User) -> None:
    requests = make_alike(3)
    answer = send(as_sarah, requests)
    assert "3 calls decided" in answer.content.decode()
    assert Decision.objects.filter(reviewer=sarah, verdict=Verdict.APPROVED).count() == 3


def test_what_one_of_them_met_does_not_touch_the_others(as_sarah: Client) -> None:
    requests = make_alike(3)
    actions.decide(
        requests[1], reviewer=make_reviewer("mona"), verdict=Verdict.REJECTED, reason="No.", source=Source.CONSOLE
    )
    answer = send(as_sarah, requests)
    assert [bool(outcome.refusal) for outcome in answer.context["outcomes"]] == [False, True, False]
    assert "already decided: rejected by mona" in answer.content.decode()


@pytest.mark.parametrize("others", ["high", "different", "hidden", "none"])
def test_what_is_not_alike_is_not_decided(as_sarah: Client, others: str) -> None:
    first = make_low()
    make = {
        "high": lambda: make_low(risk=70), "different": lambda: make_low(arguments={"beneficiary_id": "BEN-9"}),
        "hidden": lambda: make_request(team=make_team()), "none": lambda: first,
    }[others]
    requests = [first, make()]
    assert "These cannot be decided together." in look(as_sarah, requests)
    assert "BEN-123</dd>" not in look(as_sarah, requests)
    assert send(as_sarah, requests).status_code == 409
    assert not Decision.objects.exists()


def test_rejecting_needs_a_reason(as_sarah: Client) -> None:
    requests = make_alike()
    assert send(as_sarah, requests, "REJECTED").status_code == 422
    assert send(as_sarah, requests, "REJECTED", "Not now.").status_code == 200
    assert GovernanceRequest.objects.filter(status=Status.DENIED).count() == 2


def test_who_cannot_decide_is_told_before(client: Client) -> None:
    client.force_login(make_reviewer("vera", in_group=False, role="viewer"))
    text = look(client, make_alike())
    assert "You need the permission to decide requests" in text
    assert "Approve and run" not in text


def test_more_than_fifty_are_not_read(as_sarah: Client) -> None:
    answer = as_sarah.get("/queue/batch/", {"r": ["\x00", "evt_", *(f"evt_{n:016x}" for n in range(400))]})
    assert "None of the selected requests can be found." in answer.content.decode()


def test_nobody_sees_it_without_logging_in(client: Client) -> None:
    assert client.get("/queue/batch/").status_code == 302
