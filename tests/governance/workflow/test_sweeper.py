"""Sweeper and health: what nobody drives any more comes to its end, and readiness says what does not move."""

from datetime import timedelta

import pytest
from django.utils import timezone

from governance import actions, process
from governance.models import Execution, GovernanceRequest, Heartbeat, OutboxEvent
from governance.states import Status
from governance.workflow import sweeper
from governance.workflow.health import EXECUTOR, RELAY, Pulse, workflow_health
from governance.workflow.maintenance import Maintenance
from tests.factories import make_request, overdue
from tests.governance.workflow.test_executor import dead_owner

pytestmark = pytest.mark.django_db


def test_silence_is_never_consent() -> None:
    waiting, unused, begun = (
        overdue(make_request(status=status)) for status in (Status.IN_REVIEW, Status.APPROVED, Status.SCORING)
    )
    in_time, running = make_request(status=Status.IN_REVIEW), overdue(make_request(status=Status.EXECUTING))
    assert sweeper.expire_overdue(timezone.now()) == 3
    for request, status in (
        (waiting, Status.EXPIRED), (unused, Status.EXPIRED), (begun, Status.EXPIRED), (in_time, Status.IN_REVIEW),
        (running, Status.EXECUTING),
    ):
        request.refresh_from_db()
        assert request.status == status


def test_one_request_that_cannot_be_moved_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, fine = (overdue(make_request(status=Status.IN_REVIEW)) for _ in range(2))
    expire = actions.expire

    def expire_unless_broken(request: GovernanceRequest) -> bool:
        if request.pk == broken.pk:
            raise RuntimeError("broken")
        return expire(request)

    monkeypatch.setattr(actions, "expire", expire_unless_broken)
    assert sweeper.expire_overdue(timezone.now()) == 1
    fine.refresh_from_db()
    assert fine.status == Status.EXPIRED


def executing(**fields: object) -> GovernanceRequest:
    request = make_request(status=Status.EXECUTING)
    Execution.objects.filter(request=request).update(**fields)
    return request


def test_an_execution_that_no_run_drives_any_more_ends_as_unknown() -> None:
    now = timezone.now()
    long_ago, soon = now - timedelta(minutes=5), now + timedelta(minutes=5)
    gone = executing(claimed_by=dead_owner().partition("#")[0], claimed_at=long_ago, lease_until=soon)
    timed_out = executing(claimed_by="elsewhere|1|x", claimed_at=long_ago, lease_until=now - timedelta(seconds=61))
    returned = executing(claimed_at=long_ago, lease_until=soon, returned_at=long_ago, result={"content": []})
    just_died = executing(claimed_by=dead_owner().partition("#")[0], claimed_at=now, lease_until=soon)
    alive = executing(claimed_by=process.identity(), claimed_at=long_ago, lease_until=soon)
    assert sweeper.resolve_abandoned(now) == 3
    for request, status in (
        (gone, Status.OUTCOME_UNKNOWN), (timed_out, Status.OUTCOME_UNKNOWN), (returned, Status.SUCCEEDED),
        (just_died, Status.EXECUTING), (alive, Status.EXECUTING),
    ):
        request.refresh_from_db()
        assert request.status == status


def test_sent_events_of_requests_that_ended_long_ago_are_removed() -> None:
    now = timezone.now()
    ended, fresh = make_request(status=Status.SUCCEEDED), make_request(status=Status.SUCCEEDED)
    OutboxEvent.objects.update(sent_at=now - timedelta(days=8))
    GovernanceRequest.objects.filter(pk=ended.pk).update(finished_at=now - timedelta(days=8))
    sweeper.remove_old(now)
    assert not ended.outbox_events.exists()
    assert fresh.outbox_events.exists()


def test_the_maintenance_round_does_every_task() -> None:
    request = overdue(make_request(status=Status.IN_REVIEW))
    assert Maintenance().round() <= 1.0
    request.refresh_from_db()
    assert request.status == Status.EXPIRED


def test_health_names_what_has_stopped(settings) -> None:
    settings.WORKFLOW_DRIVER = "embedded"
    assert workflow_health() == ["the workflow relay has never run", "the workflow executor has never run"]
    for name in (RELAY, EXECUTOR):
        Pulse(name).beat()
    assert workflow_health() == []
    Heartbeat.objects.filter(name=EXECUTOR).update(beat_at=timezone.now() - timedelta(seconds=45))
    assert len(workflow_health()) == 1
    assert workflow_health()[0].startswith("the workflow executor was last seen 45 s ago")
    settings.WORKFLOW_DRIVER = "inngest"
    assert workflow_health() == []
    make_request(status=Status.RECEIVED)
    OutboxEvent.objects.update(created_at=timezone.now() - timedelta(seconds=61))
    assert workflow_health() == ["an event has waited 61 s in the outbox"]


def test_a_pulse_writes_only_every_few_seconds(django_assert_num_queries) -> None:
    pulse = Pulse("relay")
    pulse.beat()
    with django_assert_num_queries(0):
        pulse.beat()
