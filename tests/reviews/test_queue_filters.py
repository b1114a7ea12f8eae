"""Filters, marks and counts of the queue: in the address, together, bounded, and never more than one may see."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from governance import actions
from governance.models import GovernanceRequest, User
from reviews import facets
from tests.factories import make_agent, make_request, make_reviewer, make_score, make_team, make_tool
from tests.reviews.alike import make_low

pytestmark = pytest.mark.django_db


@pytest.fixture
def sarah() -> User:
    return make_reviewer("sarah", first_name="Sarah", last_name="Lind")


@pytest.fixture
def mona() -> User:
    return make_reviewer("mona", first_name="Mona", last_name="Adler")


def shown(client: Client, **query: object) -> set[str]:
    return {row.reference for row in client.get("/queue/", query).context["rows"]}


def counts(client: Client, **query: object) -> dict[str, str]:
    """Label of each choice to its count."""
    given = client.get("/queue/", query).context["facets"]
    return {choice.label: choice.count for facet in given for choice in facet.choices}


def test_by_band(as_sarah: Client) -> None:
    high, low = make_request(risk=90).reference, make_low().reference
    medium = make_low(risk=50, arguments={"q": 1}).reference
    failed = make_request(score=make_score(failure="No answer.")).reference
    assert [shown(as_sarah, band=band) for band in ("high", "medium", "low", "none")] == [
        {high}, {medium}, {low}, {failed}
    ]


def test_by_rule_and_deadline(as_sarah: Client) -> None:
    soon, ruled = make_request(), make_request()
    GovernanceRequest.objects.filter(pk=soon.pk).update(deadline=timezone.now() + timedelta(minutes=50))
    GovernanceRequest.objects.filter(pk=ruled.pk).update(policy_rule="writes")
    assert shown(as_sarah, soon=1) == {soon.reference}
    assert shown(as_sarah, rule="writes") == {ruled.reference}


def test_mine_and_unclaimed(as_sarah: Client, sarah: User, mona: User) -> None:
    free, mine, hers, handed, lapsed = (make_request() for _ in range(5))
    actions.claim(mine, reviewer=sarah)
    actions.claim(hers, reviewer=mona)
    actions.hand_over(handed, reviewer=mona, to=sarah, note="You know her.")
    actions.claim(lapsed, reviewer=mona)
    GovernanceRequest.objects.filter(pk=lapsed.pk).update(claimed_until=timezone.now())
    assert shown(as_sarah, held="mine") == {mine.reference, handed.reference}
    assert shown(as_sarah, held="free") == {free.reference, lapsed.reference}


def test_answered_is_what_has_no_open_question(as_sarah: Client, sarah: User) -> None:
    asked, answered = make_request(), make_request()
    make_request()
    for request in (asked, answered):
        actions.ask(request, reviewer=sarah, text="Why?")
    actions.answer(answered, agent=answered.agent, text="Rent is due.")
    assert shown(as_sarah, answered=1) == {answered.reference}


def test_filters_go_together(as_sarah: Client, sarah: User) -> None:
    agent, tool = make_agent("pay-desk"), make_tool("modify")
    wanted = make_request(agent=agent, tool=tool, risk=90)
    make_request(agent=agent)
    make_request(tool=tool)
    actions.claim(wanted, reviewer=sarah)
    query = {"agent": agent.pk, "tool": tool.pk, "band": "high", "rule": wanted.policy_rule, "held": "mine"}
    assert shown(as_sarah, **query, sort="age") == {wanted.reference}
    assert shown(as_sarah, **query, soon=1) == set()


@pytest.mark.parametrize("query", [
    {"agent": "x"}, {"agent": "-1"}, {"agent": "9" * 30}, {"agent": "٣"}, {"band": "purple"}, {"held": "theirs"},
    {"rule": "\x00"}, {"rule": "r" * 61}, {"answered": "yes"}, {"soon": "2"}, {"sort": "junk"},
])  # fmt: skip
def test_a_filter_that_cannot_be_read_narrows_nothing(as_sarah: Client, query: dict) -> None:
    request = make_request()
    assert shown(as_sarah, **query) == {request.reference}


def test_each_filter_says_how_many_it_would_show_within_the_others(as_sarah: Client, sarah: User) -> None:
    agent = make_agent("pay-desk")
    actions.claim(make_request(agent=agent, risk=90), reviewer=sarah)
    make_request(agent=agent, risk=80)
    make_request(agent=make_agent("night"), risk=95)
    whole, narrowed = counts(as_sarah), counts(as_sarah, held="mine")
    assert (whole["pay-desk"], whole["night"], whole["High"], whole["Mine"], whole["Unclaimed"]) == (
        "2", "1", "3", "1", "2"
    )
    assert narrowed["pay-desk"] == "1"
    assert "night" not in narrowed


def test_counts_stop_at_a_bound(as_sarah: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        make_request(risk=90)
    monkeypatch.setattr(facets, "SCAN", 3)
    assert counts(as_sarah)["High"] == "3+"
    monkeypatch.setattr("reviews.queries.MANY", 2)
    assert counts(as_sarah)["High"] == "1+"


def test_another_teams_work_is_not_counted_and_not_named(as_sarah: Client) -> None:
    agent = make_agent("hidden-agent", team=make_team())
    make_request(agent=agent)
    page = as_sarah.get("/queue/", {"agent": agent.pk})
    assert page.context["rows"] == []
    assert "hidden-agent" not in page.content.decode()
    assert counts(as_sarah)["Unclaimed"] == "0"


def test_a_filter_without_a_match_says_so(as_sarah: Client) -> None:
    make_request()
    assert "Nothing that waits fits these filters." in as_sarah.get("/queue/", {"soon": 1}).content.decode()


def test_a_row_shows_who_holds_it_and_what_is_open(as_sarah: Client, sarah: User, mona: User) -> None:
    held, handed, asked, parked = (make_request(agent=make_agent()) for _ in range(4))
    actions.claim(held, reviewer=mona)
    actions.hand_over(handed, reviewer=mona, to=sarah)
    actions.ask(asked, reviewer=sarah, text="Why?")
    actions.halt(parked.agent, reason="Odd calls.", by=make_reviewer(is_superuser=True))
    rows = {row.reference: row.marks for row in as_sarah.get("/queue/").context["rows"]}
    assert (rows[held.reference].holder, rows[held.reference].initials) == (mona, "MA")
    assert rows[handed.reference].was_handed
    assert rows[asked.reference].is_asked
    assert "Odd calls." in rows[parked.reference].parked


def test_a_claim_gives_the_row_another_stamp(as_sarah: Client, mona: User) -> None:
    request = make_request()
    before = as_sarah.get("/queue/rows/").context["rows"][0].stamp
    actions.claim(request, reviewer=mona)
    assert as_sarah.get("/queue/rows/").context["rows"][0].stamp != before
