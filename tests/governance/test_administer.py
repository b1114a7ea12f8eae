import json

import pytest

from governance import actions
from governance.errors import InvalidArguments
from governance.models import AgentToken, ApiToken, EvidenceEntry, Team
from tests.factories import make_agent, make_reviewer, make_team

pytestmark = pytest.mark.django_db


def test_an_agent_and_its_token_which_is_stored_hashed_only(scripted):
    agent, token = actions.create_agent("pay-desk")
    row = AgentToken.objects.get()
    assert token.startswith("atlas_agt_") and token.startswith(row.prefix) and len(row.prefix) < len(token) - 20
    assert token not in json.dumps([str(value) for value in AgentToken.objects.values().get().values()])
    assert AgentToken.objects.usable(token).get().agent == agent
    assert agent.team == Team.objects.default()


def test_a_taken_name_is_refused_in_the_same_team_only(scripted):
    actions.create_agent("pay-desk")
    with pytest.raises(InvalidArguments, match="already"):
        actions.create_agent("pay-desk")
    actions.create_agent("pay-desk", team=make_team())


def test_a_reviewer_can_log_in_and_decide():
    user, password, token = actions.create_reviewer("sarah")
    assert user.check_password(password) and user.is_active
    assert user.has_perm("governance.decide_request")
    assert ApiToken.objects.usable(token).get().user == user


def test_a_revoked_token_is_dead_at_once_and_says_so_once():
    agent = make_agent()
    token = actions.issue_agent_token(agent)
    row = AgentToken.objects.get()
    assert actions.revoke_token(row, by=make_reviewer("tom"))
    assert not AgentToken.objects.usable(token).exists()
    assert not actions.revoke_token(row)
    entry = EvidenceEntry.objects.filter(payload__contains="token revoked").get()
    assert entry.actor == "reviewer:tom" and token not in entry.payload


def test_an_expired_token_is_dead():
    token = actions.issue_agent_token(make_agent(), expires_at="2020-01-01T00:00:00Z")
    assert not AgentToken.objects.usable(token).exists()


def test_halting_and_resuming_are_recorded_acts():
    agent, tom = make_agent(), make_reviewer("tom")
    assert actions.halt(agent, reason="odd", by=tom)
    assert not actions.halt(agent, reason="again", by=tom)
    assert actions.resume(agent, reason="looked at", by=tom)
    agent.refresh_from_db()
    assert not agent.is_halted
    whats = [json.loads(entry.payload)["what"] for entry in EvidenceEntry.objects.order_by("id")]
    assert whats == ["agent halted", "agent resumed"]


@pytest.mark.parametrize("name", ["", "two words", "x" * 151])
def test_a_malformed_reviewers_name_is_refused(name):
    with pytest.raises(InvalidArguments):
        actions.create_reviewer(name)
