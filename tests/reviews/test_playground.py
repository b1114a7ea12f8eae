"""The playground: an agent of one's own, short-lived tokens, and the path of its calls."""

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.actions import issue_agent_token
from governance.models import Agent, AgentToken, Role, Team
from governance.states import Status
from reviews.playing import deciders, steps_of
from tests.factories import make_agent, make_request, make_reviewer, make_team


@pytest.fixture
def player(client, db):
    person = make_reviewer("olga", role=Role.OPERATOR)
    client.force_login(person)
    return person


def begin(client):
    return client.post("/playground/begin/", {"team": Team.objects.default().pk})


def own_agent(player):
    return Agent.objects.get(owner=player)


def open_tokens():
    return AgentToken.objects.filter(revoked_at=None)


def test_beginning_makes_an_agent_that_the_player_owns(client, player):
    answer = begin(client)
    agent = own_agent(player)
    assert agent.name == "playground of olga"
    assert "no-store" in answer["Cache-Control"]
    assert open_tokens().get().expires_at - timezone.now() < timedelta(minutes=61)
    assert open_tokens().get().prefix in answer.content.decode()


def test_beginning_again_keeps_the_agent_and_ends_the_older_token(client, player):
    begin(client)
    begin(client)
    assert Agent.objects.count() == 1
    assert open_tokens().count() == 1
    assert AgentToken.objects.count() == 2


def test_ending_revokes_the_token(client, player):
    begin(client)
    assert "revoked" in client.post("/playground/end/", follow=True).content.decode()
    assert not open_tokens().exists()


def test_leaving_ends_the_token_of_that_page_and_no_other(client, player):
    begin(client)
    issue_agent_token(make_agent("demo-agent"))
    foreign = AgentToken.objects.get(agent__name="demo-agent")
    assert client.post("/playground/end/", {"token": foreign.pk}).status_code == 204
    assert open_tokens().count() == 2
    client.post("/playground/end/", {"token": AgentToken.objects.get(agent__owner=player).pk})
    assert open_tokens().get() == foreign


@pytest.mark.django_db
def test_a_reviewer_may_not_play_and_is_told_who_may(client):
    make_reviewer("olga", role=Role.OPERATOR, first_name="Olga", last_name="Brandt")
    client.force_login(make_reviewer("sarah"))
    assert "Olga Brandt" in client.get("/playground/").content.decode()
    assert begin(client).status_code == 403
    assert not Agent.objects.exists()


def test_a_team_that_one_does_not_operate_is_refused(client, player):
    assert client.post("/playground/begin/", {"team": make_team("Elsewhere").pk}).status_code == 422
    assert not Agent.objects.exists()


def test_an_agent_of_that_name_with_another_owner_is_not_played_with(client, player):
    make_agent("playground of olga", owner=make_reviewer("mona"))
    answer = begin(client)
    assert answer.status_code == 422
    assert "already an agent named" in answer.content.decode()
    assert not AgentToken.objects.exists()


def test_somebody_else_decides_what_the_player_asks(client, player):
    mona = make_reviewer("mona", first_name="Mona", last_name="Reyes")
    begin(client)
    call = make_request(agent=own_agent(player))
    assert not call.can_be_decided_by(player)
    assert deciders(call.team, player) == [mona]
    assert "Mona Reyes" in client.get(f"/playground/steps/{call.reference}/").content.decode()


def test_only_ones_own_playground_calls_have_a_path_here(client, player):
    other = make_request(agent=make_agent("demo-agent", owner=player))
    assert client.get(f"/playground/steps/{other.reference}/").status_code == 204
    assert client.get("/playground/steps/evt_0000000000000000/").status_code == 204


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "states"), [
    (Status.RECEIVED, {"scored": "now", "decided": "ahead", "executed": "ahead"}),
    (Status.IN_REVIEW, {"scored": "done", "decided": "now", "executed": "ahead"}),
    (Status.DENIED, {"decided": "stopped", "executed": "ahead"}),
    (Status.EXPIRED, {"decided": "stopped"}),
    (Status.EXECUTING, {"decided": "done", "executed": "now"}),
    (Status.SUCCEEDED, {"decided": "done", "executed": "done", "result": "done"}),
    (Status.FAILED, {"executed": "done", "result": "stopped"}),
])
def test_the_path_tells_how_far_a_call_is(status, states):
    steps = {step.key: step.state for step in steps_of(make_request(status=status))}
    assert states.items() <= steps.items()


def test_the_result_stands_at_the_end_of_the_path(client, player):
    begin(client)
    call = make_request(agent=own_agent(player), status=Status.SUCCEEDED)
    answer = client.get(f"/playground/steps/{call.reference}/").content.decode()
    assert "data-ended" in answer
    assert "Done." in answer
    assert "Went through without a person" in answer
