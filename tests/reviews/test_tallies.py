"""Tallies: what the background loop counts is what happened, however often and wherever it runs."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from governance import actions
from governance.models import Agent, Transition
from governance.models.decisions import Source
from governance.states import Status, Verdict
from reviews import tallying
from reviews.models import Tally, TallyMark
from reviews.tallying import tally_all, tally_some
from reviews.waits import bucket_of, exact_quantile, quantile, seconds_of
from tests.factories import make_agent, make_request, make_reviewer, make_team

pytestmark = pytest.mark.django_db


def tally(kind: str = "all", subject: str = "", span: str = "d") -> dict[str, int]:
    """The columns of these rows that are not nothing, summed."""
    rows = Tally.objects.filter(kind=kind, subject=subject, span=span).values(*tallying.COLUMNS)
    sums = {name: sum(row[name] for row in rows) for name in tallying.COLUMNS}
    return {name: value for name, value in sums.items() if value}


def test_every_way_a_request_goes_is_counted_once() -> None:
    for status in (Status.SUCCEEDED, Status.FAILED, Status.IN_REVIEW, Status.DENIED, Status.EXPIRED):
        make_request(status=status)
    make_request(status=Status.SUCCEEDED, reviewer=make_reviewer())
    tally_all()
    assert tally() == {
        "received": 6, "reviewed": 4, "approved": 1, "rejected": 1, "passed": 2, "expired": 1, "succeeded": 2,
        "failed": 1,
    }
    assert tally(span="h") == tally()


def test_counting_again_counts_only_what_is_new() -> None:
    make_request(status=Status.DENIED)
    assert tally_all() > 0
    assert tally_all() == 0
    make_request(status=Status.DENIED)
    tally_all()
    assert tally()["rejected"] == 2


def test_small_batches_come_to_the_same() -> None:
    for _ in range(3):
        make_request(status=Status.SUCCEEDED)
    while tally_some(batch=2, settled_after=timedelta(0)):
        pass
    assert tally() == {"received": 3, "passed": 3, "succeeded": 3}


def test_a_row_that_may_have_elder_ones_under_way_waits() -> None:
    make_request()
    assert tally_some() == 0
    assert tally_some(settled_after=timedelta(0)) > 0


def test_of_two_processes_that_counted_the_same_rows_one_adds(monkeypatch) -> None:
    make_request(status=Status.DENIED)

    def count_slowly(rows):
        counts = count(rows)
        TallyMark.objects.update(last_id=Transition.objects.latest("pk").pk)  # the other one was faster
        return counts

    count = tallying.count
    monkeypatch.setattr(tallying, "count", count_slowly)
    assert tally_some(settled_after=timedelta(0)) == 0
    assert not Tally.objects.exists()


def test_a_process_that_dies_while_adding_leaves_nothing(monkeypatch) -> None:
    make_request(status=Status.DENIED)

    def add_and_die(counts):
        add(counts)
        raise KeyboardInterrupt

    add = tallying._add
    monkeypatch.setattr(tallying, "_add", add_and_die)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        tally_all()
    monkeypatch.undo()
    tally_all()
    assert tally()["rejected"] == 1


def test_each_agent_tool_rule_and_band_has_its_own() -> None:
    one, other = make_agent("one"), make_agent("other")
    make_request(agent=one, risk=82)
    make_request(agent=other, risk=12, status=Status.SUCCEEDED)
    tally_all()
    assert tally("agent", str(one.pk)) == {"received": 1, "reviewed": 1}
    assert tally("agent", str(other.pk)) == {"received": 1, "passed": 1, "succeeded": 1}
    assert tally("band", "high") == {"received": 1, "reviewed": 1}
    assert tally("band", "low") == {"received": 1, "passed": 1, "succeeded": 1}
    assert tally("rule", "default")["received"] == 2


def test_teams_are_counted_apart() -> None:
    team = make_team()
    make_request(agent=make_agent(team=team))
    make_request()
    tally_all()
    assert Tally.objects.get(team=team, kind="all", span="d").received == 1


def test_an_edit_and_an_undone_approval_are_told_apart(settings) -> None:
    settings.UNDO_SECONDS = 60
    sarah = make_reviewer("sarah")
    request = make_request()
    edited = {**request.arguments, "days": 7}
    actions.decide(request, reviewer=sarah, verdict=Verdict.APPROVED, source=Source.CONSOLE, arguments=edited)
    request.refresh_from_db()
    actions.undo(request, reviewer=sarah)
    tally_all()
    agent = str(Agent.objects.get().pk)
    assert tally() == tally("agent", agent) == {"received": 1, "reviewed": 1, "approved": 1, "edited": 1, "undone": 1}


def test_the_wait_of_each_persons_decision_is_kept() -> None:
    request = make_request()
    type(request).objects.filter(pk=request.pk).update(received_at=timezone.now() - timedelta(minutes=10))
    actions.decide(request, reviewer=make_reviewer(), verdict=Verdict.APPROVED, source=Source.ADMIN)
    make_request(status=Status.SUCCEEDED)  # nobody was asked
    tally_all()
    (row,) = Tally.objects.filter(kind="wait", span="h")
    assert row.approved == 1
    assert seconds_of(int(row.subject)) == pytest.approx(600, rel=0.03)


def test_the_loop_comes_back_at_once_while_there_is_more(monkeypatch) -> None:
    monkeypatch.setattr(tallying, "tally_some", lambda: tallying.BATCH)
    assert tallying.Tallying().round() < 1
    monkeypatch.setattr(tallying, "tally_some", lambda: 3)
    assert tallying.Tallying().round() == tallying.EVERY_SECONDS


@pytest.mark.parametrize("seconds", [1, 7.3, 60, 3_599, 86_400, 30 * 86_400])
def test_a_bucket_is_right_to_three_percent(seconds: float) -> None:
    assert seconds_of(bucket_of(seconds)) == pytest.approx(seconds, rel=0.03)


def test_quantiles_of_buckets_and_of_values() -> None:
    assert quantile({bucket_of(10): 50, bucket_of(1_000): 50}, 0.5) == pytest.approx(10, rel=0.03)
    assert quantile({bucket_of(10): 50, bucket_of(1_000): 50}, 0.95) == pytest.approx(1_000, rel=0.03)
    assert quantile({}, 0.5) is None
    assert exact_quantile([10, 20, 30], 0.5) == 20
    assert exact_quantile([], 0.5) is None
