"""Deciding in the console: one form, one verb, every refusal in words."""

import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from governance.models import Decision, GovernanceRequest, Role, User
from governance.states import Status
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_viewer, overdue

pytestmark = pytest.mark.django_db


def logged_in(user: User, **kwargs: object) -> Client:
    client = Client(**kwargs)
    client.force_login(user)
    return client


def decide(
    client: Client, request: GovernanceRequest, verdict: str = "APPROVED", reason: str = "", **options: object
) -> object:
    return client.post(f"/requests/{request.reference}/decide/", {"verdict": verdict, "reason": reason}, **options)


def test_approving_moves_the_request_and_says_what_happens(as_sarah: Client, sarah: User) -> None:
    request = make_request()
    answer = decide(as_sarah, request, reason="I called her.", follow=True)
    request.refresh_from_db()
    assert request.status == Status.APPROVED
    assert "Approved. request_payment_extension runs once with exactly these arguments." in answer.content.decode()
    decision = request.decisions.get()
    assert (decision.reviewer, decision.reason, decision.source) == (sarah, "I called her.", "console")


def test_rejecting_moves_the_request(as_sarah: Client) -> None:
    request = make_request()
    answer = decide(as_sarah, request, "REJECTED", "No letter.", follow=True)
    request.refresh_from_db()
    assert request.status == Status.DENIED
    assert "Rejected. Nothing runs" in answer.content.decode()


def test_rejecting_needs_a_reason(as_sarah: Client) -> None:
    request = make_request()
    answer = decide(as_sarah, request, "REJECTED", "   ")
    assert answer.status_code == 422
    assert "Say why you reject it" in answer.content.decode()
    assert not request.decisions.exists()


@pytest.mark.parametrize("verdict", ["", "MAYBE", "approved"])
def test_any_other_verdict_is_refused(as_sarah: Client, verdict: str) -> None:
    request = make_request()
    assert decide(as_sarah, request, verdict).status_code == 422
    assert not request.decisions.exists()


def test_a_reason_that_is_too_long_is_refused_and_kept(as_sarah: Client) -> None:
    request = make_request()
    answer = decide(as_sarah, request, reason="x" * 4001)
    assert answer.status_code == 422
    assert "4000 characters" in answer.content.decode()
    assert "x" * 4001 in answer.content.decode()


def test_the_second_reviewer_is_told_who_decided_and_when(as_sarah: Client) -> None:
    request = make_request()
    decide(as_sarah, request)
    answer = decide(logged_in(make_reviewer("mona")), request, "REJECTED", "Too late?")
    text = answer.content.decode()
    assert answer.status_code == 409
    assert f"{request.reference} is already decided: approved by sarah at " in text
    assert "What you wrote was not recorded:" in text
    assert "Too late?" in text
    assert Decision.objects.get().reviewer.username == "sarah"


def test_the_same_verdict_again_is_no_error(as_sarah: Client) -> None:
    request = make_request()
    decide(as_sarah, request)
    assert decide(as_sarah, request).status_code == 302
    assert request.decisions.count() == 1


def test_an_expired_request_is_a_409(as_sarah: Client) -> None:
    answer = decide(as_sarah, overdue(make_request()))
    assert answer.status_code == 409
    assert "expired at" in answer.content.decode()


@pytest.mark.parametrize("status", [Status.SCORING, Status.SUCCEEDED, Status.CANCELLED])
def test_what_does_not_wait_is_a_409(as_sarah: Client, status: Status) -> None:
    request = make_request(status=Status.SCORING if status == Status.CANCELLED else status)
    GovernanceRequest.objects.filter(pk=request.pk).update(status=status)
    assert decide(as_sarah, request).status_code == 409


def test_a_viewer_sees_but_cannot_decide() -> None:
    request = make_request()
    make_reviewer("sarah", first_name="Sarah", last_name="Lind")
    client = logged_in(make_viewer("vic"))
    text = client.get(request.get_absolute_url()).content.decode()
    assert "You cannot decide this." in text
    assert "Sarah Lind" in text
    assert 'name="verdict"' not in text
    answer = decide(client, request)
    assert answer.status_code == 403
    assert "permission to decide" in answer.content.decode()
    assert not request.decisions.exists()


def test_an_owner_cannot_decide_their_own_agents_request(sarah: User) -> None:
    request = make_request(agent=make_agent(owner=sarah))
    client = logged_in(sarah)
    assert "You own this agent." in client.get(request.get_absolute_url()).content.decode()
    assert decide(client, request).status_code == 403
    assert not request.decisions.exists()


def test_the_group_alone_is_not_enough() -> None:
    request = make_request()
    assert decide(logged_in(make_reviewer(role=Role.VIEWER)), request).status_code == 403


def test_another_team_does_not_even_exist(as_sarah: Client) -> None:
    request = make_request(team=make_team())
    assert as_sarah.get(request.get_absolute_url()).status_code == 404
    assert as_sarah.get(f"/requests/{request.reference}/state/").status_code == 404
    assert decide(as_sarah, request).status_code == 404
    assert not request.decisions.exists()


def test_nobody_decides_without_logging_in(client: Client) -> None:
    request = make_request()
    assert decide(client, request)["Location"].startswith("/login/")
    assert not request.decisions.exists()


def test_a_form_without_its_csrf_token_is_refused(sarah: User) -> None:
    request = make_request()
    answer = decide(logged_in(sarah, enforce_csrf_checks=True), request)
    assert answer.status_code == 403
    assert "This form is out of date" in answer.content.decode()
    assert not request.decisions.exists()


def test_the_address_of_the_form_leads_back_to_the_page(as_sarah: Client) -> None:
    request = make_request()
    assert as_sarah.get(f"/requests/{request.reference}/decide/")["Location"] == request.get_absolute_url()


@pytest.fixture
def rushing() -> Iterator[list[threading.Thread]]:
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_of_eight_people_at_once_one_decides_and_the_others_are_told(rushing: list[threading.Thread]) -> None:
    request = make_request()
    clients = [logged_in(make_reviewer(f"r{i}")) for i in range(8)]
    barrier, codes = threading.Barrier(8), []

    def press(client: Client) -> None:
        barrier.wait(30)
        try:
            codes.append(decide(client, request).status_code)
        finally:
            connection.close()

    rushing += [threading.Thread(target=press, args=[client]) for client in clients]
    for thread in rushing:
        thread.start()
    for thread in rushing:
        thread.join(60)
    assert sorted(codes) == [302] + [409] * 7
    assert request.decisions.count() == 1
