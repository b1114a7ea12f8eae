"""/health/live, /health/ready and /api/health/."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from governance import actions
from governance.errors import GovernanceError
from governance.models import Heartbeat, OutboxEvent
from governance.scoring import registry
from reviews import health
from tests.factories import make_request


def get(path="/health/ready"):
    response = Client().get(path)
    return response.status_code, response.json()


@pytest.fixture
def driven(transactional_db):
    for part in ("relay", "executor"):
        Heartbeat.objects.create(name=part, beat_at=timezone.now())


def test_alive_without_a_database():
    """No database mark: pytest-django refuses any query."""
    assert get("/health/live") == (200, {"status": "live"})


@pytest.mark.usefixtures("driven")
@pytest.mark.parametrize("path", ["/health/ready", "/api/health/"])
def test_ready_when_everything_works(path):
    assert get(path) == (200, {"status": "ready", "reasons": [], "tool_servers": []})


@pytest.mark.django_db(transaction=True)
def test_not_ready_while_nothing_drives_the_workflow():
    status, body = get()
    assert (status, body["status"]) == (503, "not ready")
    assert body["reasons"] == [
        "workflow: the workflow relay has never run", "workflow: the workflow executor has never run",
    ]


@pytest.mark.usefixtures("driven")
def test_a_stale_heartbeat_and_a_lagging_outbox_are_reasons():
    Heartbeat.objects.filter(name="relay").update(beat_at=timezone.now() - timedelta(minutes=10))
    make_request()
    OutboxEvent.objects.update(created_at=timezone.now() - timedelta(minutes=10))
    status, body = get()
    assert status == 503
    assert "relay was last seen 600 s ago" in body["reasons"][0]
    assert "an event has waited 600 s" in body["reasons"][1]


@pytest.mark.usefixtures("driven")
def test_a_missing_migration_is_a_reason():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM django_migrations WHERE app = 'reviews'")
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute("DELETE FROM django_migrations WHERE app = 'reviews'")
    try:
        missing = [f"database: {len(names)} migrations are not applied"]
        assert get() == (503, {"status": "not ready", "reasons": missing, "tool_servers": []})
    finally:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('reviews', %s, %s)",
                [(name, timezone.now()) for name in names],
            )


@pytest.mark.usefixtures("driven")
def test_a_broken_scorer_is_a_reason_without_its_address(monkeypatch, caplog):
    monkeypatch.setattr(registry, "check", lambda: "no route to http://10.1.2.3:11434")
    status, body = get()
    assert status == 503
    assert body["reasons"] == ["scorer: not usable, so every call waits for a person; the log says why"]
    assert "10.1.2.3" in caplog.text


def test_a_failing_database_is_a_reason_without_its_address(monkeypatch):
    def fails():
        raise OperationalError("connection to server at 10.1.2.3 failed")

    monkeypatch.setattr(health, "_missing_migrations", fails)
    assert get() == (503, {"status": "not ready", "reasons": ["database: no answer"], "tool_servers": []})


def test_a_hanging_database_does_not_hang_the_probe(monkeypatch):
    release, probes = threading.Event(), 6
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(health, "_places", threading.BoundedSemaphore(4))
    monkeypatch.setattr(health, "_database_reasons", lambda: release.wait(60) and [])
    try:
        reasons = [get()[1]["reasons"] for _ in range(probes)]
    finally:
        release.set()
    assert reasons == [["database: no answer within 0.05 s"]] * 4 + [["database: earlier probes still wait for it"]] * 2


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_probes_are_read_only_and_not_cached(path, monkeypatch):
    monkeypatch.setattr(health, "reasons_not_ready", list)
    monkeypatch.setattr(health, "_tool_servers", list)
    assert Client().post(path).status_code == 405
    assert "no-store" in Client().get(path)["Cache-Control"]


@pytest.mark.django_db
def test_a_tool_server_that_is_down_is_named_and_the_gateway_stays_ready(monkeypatch, client):
    monkeypatch.setattr(health, "reasons_not_ready", list)
    server = actions.add_tool_server(slug="files", kind="http", url="http://127.0.0.1:9/mcp")
    with pytest.raises(GovernanceError):
        actions.read_tools(server)
    monkeypatch.setattr(health, "_within_time", lambda question, otherwise=None: question())
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["tool_servers"]) == (200, [{"name": "default/files", "state": "down"}])
    actions.sync_tools(server, [])
    assert client.get("/health/ready").json()["tool_servers"][0]["state"] == "up"
    actions.halt(server, reason="odd")
    assert client.get("/health/ready").json()["tool_servers"][0]["state"] == "halted"
