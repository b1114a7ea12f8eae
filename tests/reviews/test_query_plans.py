"""No list of the console reads the whole table of requests: looked up in the plans of both databases.

PostgreSQL would rightly scan a small table; with sequential scans made dear, its plan shows whether an index serves the
statement. An index that is walked from end to end without a condition counts as a scan too.
"""

import re
from collections.abc import Callable
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.models import User
from governance.states import Status
from governance.upkeep import refresh_figures
from reviews import facets, queries
from reviews.keyset import page
from reviews.queries import NEWEST, HistoryFilter
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_tool

pytestmark = pytest.mark.django_db

TABLE = "governance_governancerequest"


@pytest.fixture
def sarah(monkeypatch) -> User:
    """With two teams, and few enough rows at a time that the second step of a search is seen too."""
    user = make_reviewer("sarah")
    other = make_team("Other")
    make_reviewer("jonas", team=other)
    other.membership_set.create(user=user, role="reviewer")
    for team in (None, other):
        for status in (Status.IN_REVIEW, Status.IN_REVIEW, Status.SUCCEEDED, Status.EXPIRED):
            make_request(status=status, team=team)
    monkeypatch.setattr(queries, "STEP", 2)
    refresh_figures()
    return user


def scans(read: Callable[[], object]) -> list[str]:
    """The steps of all plans that read every request."""
    with CaptureQueriesContext(connection) as captured:
        read()
    found = [query["sql"] for query in captured if TABLE in query["sql"] and query["sql"].startswith("SELECT")]
    assert found, "nothing asked for requests"
    return [f"{step}\n{sql}" for sql in found for step in _plan(sql) if _is_scan(step)]


def _plan(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            return [row[3] for row in cursor.fetchall()]
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}")
        lines = "\n".join(row[0] for row in cursor.fetchall())
        return re.split(r"\n\s*->", lines)


def _is_scan(step: str) -> bool:
    if connection.vendor == "sqlite":
        return step.startswith(f"SCAN {TABLE}") and "request_newest" not in step
    return f"Seq Scan on {TABLE}" in step


@pytest.mark.parametrize("sort", queries.QUEUE_ORDERS)
def test_the_queue_reads_an_index_in_every_order(sarah, sort):
    assert not scans(lambda: queries.queue_page(sarah, sort=sort))


def test_the_counts_of_the_queue_read_only_what_waits(sarah):
    assert not scans(lambda: queries.count_waiting(sarah))
    assert not scans(lambda: facets.look(sarah))


@pytest.mark.parametrize("wanted", [
    {}, {"statuses": ("denied",)}, {"statuses": ("denied", "expired")}, {"text": "hardship"}, {"risk_from": 90},
    {"received_from": date(2026, 1, 1)},
])  # fmt: skip
def test_the_history_reads_an_index(sarah, wanted):
    assert not scans(lambda: queries.history_page(sarah, HistoryFilter(**wanted)))


def test_the_history_of_an_agent_a_tool_and_a_decider_reads_an_index(sarah):
    agent, tool = make_agent(), make_tool()
    make_request(agent=agent, tool=tool)
    for wanted in ({"agent": agent}, {"tool": tool}, {"agent": agent, "tool": tool}, {"decided_by": sarah}):
        assert not scans(lambda wanted=wanted: queries.history_page(sarah, HistoryFilter(**wanted)))


def test_a_deep_page_reads_an_index_too(sarah):
    rows = [queries.GovernanceRequest.objects.filter(team_id=team) for team in queries.team_ids(sarah)]
    mark = page(rows, NEWEST, size=2).next
    assert not scans(lambda: queries.history_page(sarah, HistoryFilter(), after=mark))


def test_a_reference_is_found_by_its_index(sarah):
    assert not scans(lambda: queries.by_reference(sarah, make_request().reference[:9]))
