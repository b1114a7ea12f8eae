"""The pages of agents: whom the person's teams own, what they did, and never a token."""

import pytest
from django.test import Client
from django.utils import timezone

from governance import actions
from governance.models import AgentToken, User
from governance.states import Status
from reviews import tallying
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_tool

pytestmark = pytest.mark.django_db


def test_the_list_shows_state_and_what_happened_today(as_sarah: Client, sarah: User) -> None:
    agent = make_agent("Pay desk", owner=make_reviewer("jonas", first_name="Jonas"))
    make_request(agent=agent, status=Status.SUCCEEDED)
    make_request(agent=agent, status=Status.DENIED, reviewer=sarah)
    page = as_sarah.get("/agents/")
    ((listed, sums),) = page.context["lines"]
    assert (listed, sums["received"], sums["reviewed"], sums.approval_rate) == (agent, 2, 1, 0)
    assert b"owned by Jonas" in page.content
    assert b"Running" in page.content


def test_another_teams_agent_is_not_there(as_sarah: Client) -> None:
    foreign = make_agent("Foreign", team=make_team())
    assert b"Foreign" not in as_sarah.get("/agents/").content
    assert as_sarah.get(f"/agents/{foreign.pk}/").status_code == 404
    assert as_sarah.get("/agents/999999/").status_code == 404


def test_no_agent_at_all_says_what_an_agent_is(as_sarah: Client) -> None:
    assert b"There is no agent yet." in as_sarah.get("/agents/").content


@pytest.mark.parametrize("count", [lambda: None, tallying.tally_all])
def test_a_page_sums_its_own_month_and_lists_its_own_requests(as_sarah: Client, count) -> None:
    agent, other = make_agent("one"), make_agent("other")
    mine = make_request(agent=agent, status=Status.SUCCEEDED)
    make_request(agent=other, status=Status.SUCCEEDED)
    count()
    page = as_sarah.get(f"/agents/{agent.pk}/")
    assert page.context["sums"]["succeeded"] == 1
    assert [row.reference for row in page.context["rows"]] == [mine.reference]
    assert f"/history/?agent={agent.pk}" in page.content.decode()


def test_its_requests_come_page_by_page(as_sarah: Client, monkeypatch) -> None:
    monkeypatch.setattr("reviews.seeing.LAST", 2)
    agent = make_agent()
    for _ in range(3):
        make_request(agent=agent)
    first = as_sarah.get(f"/agents/{agent.pk}/")
    second = as_sarah.get(f"/agents/{agent.pk}/", {"after": first.context["page"].next})
    assert (len(first.context["rows"]), len(second.context["rows"])) == (2, 1)


def test_it_tells_of_tokens_and_never_shows_one(as_sarah: Client) -> None:
    agent, token = actions.create_agent("Pay desk")
    AgentToken.objects.update(last_used_at=timezone.now())
    page = as_sarah.get(f"/agents/{agent.pk}/")
    assert (page.context["tokens"], page.context["heard_at"] is not None) == (1, True)
    row = AgentToken.objects.get()
    assert token.encode() not in page.content
    assert row.prefix.encode() not in page.content
    assert row.sha256.encode() not in page.content


def test_a_halted_agent_says_why_and_leads_to_stop(as_sarah: Client) -> None:
    agent = make_agent()
    type(agent).objects.filter(pk=agent.pk).update(halted_at=timezone.now(), halted_reason="Loops <b>all day</b>.")
    page = as_sarah.get(f"/agents/{agent.pk}/").content.decode()
    assert "Loops &lt;b&gt;all day&lt;/b&gt;" in page
    assert "Resume in Stop" in page


def test_it_lists_the_tools_that_it_sees(as_sarah: Client) -> None:
    agent, seen, hidden = make_agent(), make_tool("see_me"), make_tool("hide_me")
    agent.visible_tools = "see_*"
    agent.save()
    tools = as_sarah.get(f"/agents/{agent.pk}/").context["tools"]
    assert seen in tools
    assert hidden not in tools


def test_both_pages_ask_for_a_log_in(client: Client) -> None:
    assert client.get("/agents/").status_code == client.get(f"/agents/{make_agent().pk}/").status_code == 302
