"""Reviewing at a terminal: approvals, approve, reject, as an authenticated person."""

import io
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from governance import actions
from governance.errors import NotAllowed
from governance.models.decisions import Source
from governance.states import Status
from tests.factories import PASSWORD, make_agent, make_request, make_reviewer, make_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def sarah(monkeypatch):
    person = make_reviewer("sarah")
    monkeypatch.setenv("ATLAS_REVIEWER_TOKEN", actions.issue_api_token(person))
    return person


def run(*arguments, stdin=""):
    out, was_in, was_out = io.StringIO(), sys.stdin, sys.stdout
    sys.stdin, sys.stdout = io.StringIO(stdin), out
    try:
        call_command(*arguments, stdout=out)
    finally:
        sys.stdin, sys.stdout = was_in, was_out
    return out.getvalue()


def test_approvals_shows_what_waits_with_the_exact_arguments(sarah):
    request = make_request(arguments={"beneficiary_id": "BEN-123", "days": 14}, stated_reason="She asked me to.")
    text = run("approvals")
    assert request.reference in text and request.arguments_digest in text
    assert '"beneficiary_id": "BEN-123"' in text and '"days": 14' in text and "She asked me to." in text


def test_hidden_characters_are_spelled_out(sarah):
    make_request(arguments={"note": "pay\u202eno"})
    assert "\u202e" not in run("approvals")


def test_approvals_of_other_teams_are_not_shown(sarah):
    other = make_request(team=make_team("Elsewhere"))
    assert other.reference not in run("approvals")
    with pytest.raises(CommandError, match="no request"):
        run("approve", other.reference, "--yes")


def test_approve_records_the_named_reviewer(sarah):
    request = make_request()
    assert request.arguments_digest in run("approve", request.reference, "--reason", "Seen the papers.", "--yes")
    decision = request.decisions.get()
    assert (decision.reviewer, decision.source, decision.reason) == (sarah, Source.COMMAND, "Seen the papers.")


def test_reject_needs_a_reason_and_stops_the_call(sarah):
    request = make_request()
    with pytest.raises(CommandError, match="reason"):
        run("reject", request.reference, "--yes")
    run("reject", request.reference, "--reason", "Not hers.", "--yes")
    request.refresh_from_db()
    assert request.status == Status.DENIED


def test_without_a_terminal_and_without_yes_nothing_is_decided(sarah):
    request = make_request()
    with pytest.raises(CommandError, match="--yes"):
        run("approve", request.reference)
    request.refresh_from_db()
    assert request.status == Status.IN_REVIEW


def test_a_password_says_who_decides(monkeypatch):
    monkeypatch.delenv("ATLAS_REVIEWER_TOKEN", raising=False)
    rita, request = make_reviewer("rita"), make_request()
    run("approve", request.reference, "--yes", "--reviewer", "rita", stdin=f"{PASSWORD}\n")
    assert request.decisions.get().reviewer == rita


@pytest.mark.parametrize("arguments", [(), ("--reviewer", "rita"), ("--reviewer", "nobody")])
def test_nobody_is_let_in_without_proof(monkeypatch, arguments):
    monkeypatch.delenv("ATLAS_REVIEWER_TOKEN", raising=False)
    make_reviewer("rita")
    with pytest.raises(CommandError):
        run("approvals", *arguments, stdin="wrong\n")


def test_an_agents_token_opens_nothing(monkeypatch):
    monkeypatch.setenv("ATLAS_REVIEWER_TOKEN", actions.issue_agent_token(make_agent()))
    with pytest.raises(CommandError, match="Say who decides"):
        run("approvals")


def test_nobody_decides_for_their_own_agent(sarah):
    request = make_request(agent=make_agent(owner=sarah))
    with pytest.raises((CommandError, NotAllowed), match="own"):
        run("approve", request.reference, "--yes")


def test_watching_shows_further_requests_until_interrupted(sarah, monkeypatch):
    first, later = make_request(), []

    def next_second(_):
        if later:
            raise KeyboardInterrupt
        later.append(make_request())

    monkeypatch.setattr("reviews.management.commands.approvals.time.sleep", next_second)
    text = run("approvals", "--watch")
    assert first.reference in text
    monkeypatch.setattr(
        "reviews.management.commands.approvals.time.sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    assert later[0].reference in run("approvals", "--watch")
