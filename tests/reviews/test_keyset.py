"""Pages: every row once, in order, forwards and backwards, also among equal values and several teams."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.exceptions import BadRequest
from django.utils import timezone

from governance.models import GovernanceRequest
from reviews import queries
from reviews.keyset import Order, page
from tests.factories import make_agent, make_request, make_team, make_tool

pytestmark = pytest.mark.django_db


def make_many(team: object, count: int, start: int = 0) -> None:
    """Requests with many equal times and risks."""
    agent, tool, now = make_agent(team=team), make_tool(team=team), timezone.now()
    GovernanceRequest.objects.bulk_create(
        GovernanceRequest(
            team=team, agent=agent, tool=tool, status="in_review", arguments_json="{}",
            arguments_digest=f"{start + i:064d}", risk_score=70 + i % 3, received_at=now - timedelta(minutes=i // 4),
            deadline=now + timedelta(hours=1 + i // 5),
        )
        for i in range(count)
    )


def walk(parts: list, order: Order, size: int) -> Iterator[list]:
    mark = ""
    while True:
        found = page(parts, order, after=mark, size=size)
        yield [key[-1] for key in found.keys]
        mark = found.next
        if not mark:
            return


@pytest.mark.parametrize("sort", ["risk", "deadline", "age"])
@pytest.mark.parametrize("size", [1, 7, 30, 100])
def test_every_row_comes_once_and_in_order(sort: str, size: int) -> None:
    make_many(make_team(), 30)
    order = queries.QUEUE_ORDERS[sort]
    walked = [pk for keys in walk([GovernanceRequest.objects.all()], order, size) for pk in keys]
    assert walked == list(GovernanceRequest.objects.order_by(*order.fields).values_list("pk", flat=True))


@pytest.mark.parametrize("sort", ["risk", "deadline", "age"])
def test_several_teams_are_merged_into_one_order(sort: str) -> None:
    teams = [make_team() for _ in range(3)]
    for number, team in enumerate(teams):
        make_many(team, 11, start=100 * number)
    order = queries.QUEUE_ORDERS[sort]
    parts = [GovernanceRequest.objects.filter(team=team) for team in teams]
    walked = [pk for keys in walk(parts, order, 4) for pk in keys]
    assert walked == list(GovernanceRequest.objects.order_by(*order.fields).values_list("pk", flat=True))


def test_previous_leads_back_over_the_same_pages() -> None:
    make_many(make_team(), 23)
    rows, order = [GovernanceRequest.objects.all()], queries.NEWEST
    forwards, mark = [], ""
    while True:
        found = page(rows, order, after=mark, size=5)
        forwards.append(found.keys)
        if not found.next:
            break
        mark = found.next
    backwards = [found.keys]
    while found.previous:
        found = page(rows, order, before=found.previous, size=5)
        backwards.append(found.keys)
    assert backwards[::-1] == forwards


def test_a_new_row_does_not_shift_the_next_page() -> None:
    make_many(make_team(), 10)
    rows, order = [GovernanceRequest.objects.all()], queries.NEWEST
    first = page(rows, order, size=5)
    expected = page(rows, order, after=first.next, size=5).keys
    make_request()
    assert page(rows, order, after=first.next, size=5).keys == expected


@pytest.mark.parametrize("mark", ["x", "e30", "W10", "WzEsMiwzXQ", "bnVsbA", "!!", "W251bGwsbnVsbF0", "4pyT"])
def test_a_damaged_mark_is_refused(mark: str) -> None:
    with pytest.raises(BadRequest):
        page([GovernanceRequest.objects.all()], queries.NEWEST, after=mark, size=5)
