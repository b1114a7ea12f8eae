"""GET /metrics: who reads it, and that the figures are the database's."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from governance.models import Heartbeat, OutboxEvent, Transition, User
from governance.states import Status
from reviews import metrics
from tests.factories import make_request, make_reviewer, make_score

pytestmark = pytest.mark.django_db
TOKEN = "scrape-me"


@pytest.fixture(autouse=True)
def fresh(settings):
    settings.METRICS_TOKEN = TOKEN
    for tally in (metrics._collector.transitions, metrics._collector.decisions, metrics._collector.assessments):
        tally.forget()


def scrape():
    response = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.content.decode()) for sample in family.samples
    }


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "Basic c2NyYXBl", f"Bearer {TOKEN}x", "Bearer é"])
def test_without_the_token_nothing_is_told(header):
    response = Client().get("/metrics", headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert b"atlas_" not in response.content.replace(b"ATLAS_METRICS_TOKEN", b"")


def test_an_unset_token_opens_it_for_superusers_only(settings):
    settings.METRICS_TOKEN = ""
    client = Client()
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401
    client.force_login(make_reviewer(is_staff=True))
    assert client.get("/metrics").status_code == 401
    client.force_login(User.objects.create_superuser("boss"))
    assert client.get("/metrics").status_code == 200


def test_it_counts_requests_decisions_and_assessments():
    sarah = make_reviewer("sarah")
    make_request(status=Status.APPROVED, reviewer=sarah)
    make_request(status=Status.DENIED, reviewer=sarah)
    make_request(status=Status.SUCCEEDED)
    make_request(score=replace(make_score(failure="no answer"), duration_ms=7))
    seen = scrape()
    assert seen["atlas_decisions_total", "console", "APPROVED"] == 1
    assert seen["atlas_decisions_total", "console", "REJECTED"] == 1
    assert seen["atlas_decisions_total", "workflow", "APPROVED"] == 1
    assert seen["atlas_transitions_total", "received"] == 4
    assert seen["atlas_transitions_total", "succeeded"] == 1
    assert seen["atlas_requests_open", "in_review"] == 1
    assert seen["atlas_requests_open", "scoring"] == 0
    assert seen["atlas_assessments_total", "yes", "embedded"] == 1
    assert seen["atlas_assessments_total", "no", "embedded"] == 3
    assert seen["atlas_scorer_seconds_bucket", "0.005", "embedded"] == 3
    assert seen["atlas_scorer_seconds_bucket", "0.01", "embedded"] == 4
    assert seen["atlas_scorer_seconds_bucket", "+Inf", "embedded"] == 4
    assert seen["atlas_held_calls",] == 0


def test_a_counter_goes_on_where_it_was_and_counts_every_row_once():
    make_request(status=Status.RECEIVED)
    Transition.objects.bulk_create(
        Transition(request=row.request, to_status="received", actor="x", at=timezone.now() - timedelta(hours=1))
        for row in list(Transition.objects.all())
    )
    received = ("atlas_transitions_total", "received")
    assert scrape()[received] == 2
    make_request(status=Status.RECEIVED)
    assert [scrape()[received], scrape()[received]] == [3, 3]


def test_settled_rows_are_not_read_again(django_assert_num_queries):
    tally = metrics._collector.transitions
    make_request(status=Status.RECEIVED)
    old = Transition.objects.get()
    Transition.objects.bulk_create(
        [Transition(request=old.request, to_status="scoring", actor="x", at=timezone.now() - timedelta(hours=1))]
    )
    assert sum(tally.read().values()) == 2
    assert tally._last_id == Transition.objects.latest("id").pk
    with django_assert_num_queries(2):
        assert sum(tally.read().values()) == 2


def test_it_shows_outbox_lag_heartbeats_and_the_workflows_pace():
    request = make_request()
    OutboxEvent.objects.update(created_at=timezone.now() - timedelta(seconds=120))
    Heartbeat.objects.create(name="relay", beat_at=timezone.now() - timedelta(seconds=40))
    type(request).objects.update(
        received_at=timezone.now() - timedelta(seconds=100), started_at=timezone.now() - timedelta(seconds=98)
    )
    seen = scrape()
    assert seen["atlas_outbox_unsent",] == 1
    assert 120 <= seen["atlas_outbox_lag_seconds",] < 180
    assert 40 <= seen["atlas_heartbeat_age_seconds", "relay"] < 100
    assert 1.9 < seen["atlas_workflow_start_seconds", "0.5"] < 2.1
    assert 100 <= seen["atlas_oldest_waiting_seconds",] < 160


def test_an_empty_database_can_be_scraped():
    assert scrape()["atlas_outbox_lag_seconds",] == 0
