"""The overview: its figures are what happened, to the person's own teams, counted or not yet."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from governance import actions
from governance.models import GovernanceRequest, Transition, User
from governance.models.decisions import Source
from governance.states import Status, Verdict
from reviews import statistics, tallying
from reviews.models import Tally
from tests.factories import make_agent, make_request, make_team, make_tool, overdue

pytestmark = pytest.mark.django_db


def seen(client: Client, **query: str) -> dict:
    answer = client.get("/overview/", query)
    assert answer.status_code == 200
    return answer.context


@pytest.fixture(params=["live", "counted"])
def counted(request):
    """Both ways to the same figures."""
    return tallying.tally_all if request.param == "counted" else lambda: None


def test_the_figures_of_today(as_sarah: Client, sarah: User, counted) -> None:
    make_request(status=Status.SUCCEEDED)
    make_request(status=Status.APPROVED, reviewer=sarah)
    make_request(status=Status.DENIED, reviewer=sarah)
    make_request(status=Status.APPROVED, reviewer=sarah)
    make_request(status=Status.EXPIRED)
    make_request()
    counted()
    context = seen(as_sarah)
    sums = context["picture"].all
    assert (sums["received"], sums.by_people, sums["passed"], sums["expired"]) == (6, 3, 1, 1)
    assert sums.approval_rate == pytest.approx(2 / 3)
    assert sums.share_alone == pytest.approx(1 / 4)
    assert context["waiting"].count == 1


def test_what_is_new_since_the_count_is_added_to_it(as_sarah: Client) -> None:
    make_request(status=Status.SUCCEEDED)
    tallying.tally_all()
    make_request(status=Status.SUCCEEDED)
    assert seen(as_sarah)["picture"].all["received"] == 2


def test_an_undone_approval_counts_no_more(as_sarah: Client, sarah: User, counted, settings) -> None:
    settings.UNDO_SECONDS = 60
    request = make_request()
    actions.decide(request, reviewer=sarah, verdict=Verdict.APPROVED, source=Source.CONSOLE)
    actions.undo(request, reviewer=sarah)
    counted()
    assert seen(as_sarah)["picture"].all.by_people == 0


def test_another_teams_requests_are_nobodys_business(as_sarah: Client, counted) -> None:
    other = make_team()
    make_request(agent=make_agent("Foreign agent", team=other), status=Status.DENIED)
    make_request(agent=make_agent("Foreign agent 2", team=other))
    counted()
    context = seen(as_sarah)
    assert context["is_new"]
    assert context["picture"].all["received"] == 0
    assert context["waiting"].oldest is None
    assert b"Foreign agent" not in as_sarah.get("/overview/").content


def test_time_to_decision_is_that_of_people(as_sarah: Client, sarah: User) -> None:
    make_request(status=Status.SUCCEEDED)
    for minutes in (1, 2, 30):
        request = make_request()
        GovernanceRequest.objects.filter(pk=request.pk).update(
            received_at=timezone.now() - timedelta(minutes=minutes)
        )
        actions.decide(request, reviewer=sarah, verdict=Verdict.APPROVED, source=Source.ADMIN)
    picture = seen(as_sarah, range="7d")["picture"]
    assert picture.median == pytest.approx(120, abs=5)
    assert 120 < picture.p95 < 1_800


def test_many_decisions_are_read_from_the_buckets(as_sarah: Client, sarah: User, monkeypatch) -> None:
    make_request(status=Status.DENIED, reviewer=sarah)
    tallying.tally_all()
    exact = seen(as_sarah)["picture"].median
    monkeypatch.setattr(statistics, "EXACT_WAITS", 0)
    assert seen(as_sarah)["picture"].median == pytest.approx(max(exact, 0.5), rel=0.05)


def test_oldest_and_nearest_lead_to_their_cards(as_sarah: Client) -> None:
    old, soon = make_request(), make_request()
    GovernanceRequest.objects.filter(pk=old.pk).update(received_at=timezone.now() - timedelta(hours=5))
    GovernanceRequest.objects.filter(pk=soon.pk).update(deadline=timezone.now() + timedelta(minutes=5))
    waiting = seen(as_sarah)["waiting"]
    assert (waiting.oldest.reference, waiting.nearest.reference) == (old.reference, soon.reference)


def test_what_is_overdue_waits_no_more(as_sarah: Client) -> None:
    overdue(make_request())
    assert seen(as_sarah)["waiting"].count == 0


def test_tables_lead_to_agents_tools_and_their_requests(as_sarah: Client, counted) -> None:
    agent, tool = make_agent("Pay <desk>"), make_tool()
    make_request(agent=agent, tool=tool)
    counted()
    page = as_sarah.get("/overview/?range=7d").content.decode()
    assert f'href="/agents/{agent.pk}/"' in page
    assert "Pay &lt;desk&gt;" in page
    assert f"/history/?agent={agent.pk}&amp;received_from=" in page
    assert f'href="/tools/{tool.pk}/"' in page


def test_each_chart_has_its_words_and_its_table(as_sarah: Client) -> None:
    make_request(status=Status.SUCCEEDED)
    page = as_sarah.get("/overview/").content.decode()
    assert page.count('role="img"') == 2
    assert page.count("<desc") == 2
    assert page.count("As a table") == 2
    assert "style=" not in page


def test_no_language_puts_its_comma_into_a_drawing(as_sarah: Client) -> None:
    for _ in range(3):
        make_request(status=Status.SUCCEEDED)
    page = as_sarah.get("/overview/?range=7d", headers={"Accept-Language": "de"}).content.decode()
    assert 'height="75.00%"' in page
    assert not re.search(r' (x|y|x1|x2|y1|y2|width|height)="[^"]*,', page)


def test_today_has_its_hours_and_a_month_its_days(as_sarah: Client) -> None:
    make_request()
    assert len(seen(as_sarah)["over_time"].columns) == 24
    assert len(seen(as_sarah, range="7d")["over_time"].columns) == 7
    assert len(seen(as_sarah, range="30d")["over_time"].columns) == 30
    assert seen(as_sarah, range="for ever")["period"].key == "today"


def test_yesterday_is_in_the_week_and_not_in_today(as_sarah: Client, counted) -> None:
    request = make_request(status=Status.SUCCEEDED)
    Transition.objects.bulk_create(
        Transition(request=request, to_status=Status.RECEIVED, actor="agent:a", at=timezone.now() - timedelta(days=2))
        for _ in range(3)
    )
    counted()
    assert seen(as_sarah)["picture"].all["received"] == 1
    week = seen(as_sarah, range="7d")["picture"]
    assert week.all["received"] == 4
    assert [sums["received"] for _at, sums in week.series] == [0, 0, 0, 0, 3, 0, 1]


def test_the_day_is_that_of_the_time_zone() -> None:
    now = datetime(2026, 3, 29, 12, tzinfo=UTC)  # the clocks go forward in Berlin on that day
    with timezone.override(ZoneInfo("Europe/Berlin")):
        period = statistics.period_of("today", now)
        assert period.start == datetime(2026, 3, 28, 23, tzinfo=UTC)
        assert len(period.steps()) == 23
        assert len(statistics.period_of("7d", now).steps()) == 7
        autumn = statistics.period_of("today", datetime(2026, 10, 25, 12, tzinfo=UTC))
        assert len({at.astimezone(UTC) for at in autumn.steps()}) == 25


def test_while_the_count_is_far_behind_the_page_says_so(as_sarah: Client, monkeypatch) -> None:
    make_request(status=Status.SUCCEEDED)
    monkeypatch.setattr(tallying, "LIVE", 2)
    page = as_sarah.get("/overview/")
    assert page.context["picture"].counted_until is not None
    assert b"Counted up to" in page.content


def test_before_the_first_call_it_says_what_to_do(as_sarah: Client) -> None:
    page = as_sarah.get("/overview/").content.decode()
    assert "No agent has called yet." in page
    assert "<figure" not in page


def test_nothing_waits_and_nothing_was_decided_today(as_sarah: Client) -> None:
    make_request(status=Status.SUCCEEDED)
    tallying.tally_all()
    Tally.objects.update(at=timezone.now() - timedelta(days=40))
    page = as_sarah.get("/overview/").content.decode()
    assert "Nothing waits." in page
    assert "Nothing was decided in this time." in page
    assert "No requests in this time." in page


def test_it_asks_for_a_log_in(client: Client) -> None:
    assert client.get("/overview/").status_code == 302


def test_the_front_door_leads_people_here(as_sarah: Client) -> None:
    assert as_sarah.get("/", headers={"Accept": "text/html"}).url == "/overview/"


def test_the_number_of_queries_does_not_grow_with_the_rows(
    as_sarah: Client, django_assert_max_num_queries
) -> None:
    for number in range(6):
        make_request(agent=make_agent(f"agent {number}"), status=Status.SUCCEEDED)
    with django_assert_max_num_queries(24):
        as_sarah.get("/overview/?range=30d")
