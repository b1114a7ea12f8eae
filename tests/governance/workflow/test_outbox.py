"""Outbox, relay, reconciler and nudge: nothing is lost while the server is away, and the ids stay the same."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import inngest
import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from governance import actions
from governance.actions.moves import DECIDED, REQUESTED
from governance.models import Event, GovernanceRequest, OutboxEvent
from governance.states import Status
from governance.workflow.client import EmbeddedClient, server_client
from governance.workflow.outbox import QUICK_NUDGES, Relay, nudge, reconcile
from tests.factories import make_request

EVENT_KEY, SIGNING_KEY = "very-secret-event-key", "ab" * 32


class EventServer:
    """The event API of an Inngest server, `POST /e/<key>`, on loopback. `status` is what it answers with."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status, self.body = 200, ""
        self.refused_names: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, body = outer.answer(self.path, events)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, events: list[dict[str, Any]]) -> tuple[int, bytes]:
        assert path == f"/e/{EVENT_KEY}"
        if self.status >= 400:
            return self.status, self.body.encode()
        if self.refused_names & {event["name"] for event in events}:
            return 400, json.dumps({"error": "refused", "status": 400}).encode()
        self.received += events
        return 200, json.dumps({"ids": ["01J" for _ in events], "status": 200}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[EventServer]:
    made = EventServer()
    yield made
    made.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK tries five times with growing pauses; the tests do not wait for them."""
    monkeypatch.setattr("inngest._internal.client_lib.client.RETRY_BASE_DELAY", 0.001)


def client_of(url: str) -> inngest.Inngest:
    return server_client(SIGNING_KEY, EVENT_KEY, url)


def all_due_now() -> None:
    OutboxEvent.objects.filter(sent_at=None).update(not_before=timezone.now())


@pytest.mark.django_db
def test_events_reach_the_server_in_order_with_their_own_ids(server: EventServer) -> None:
    requests = [make_request(status=Status.RECEIVED) for _ in range(3)]
    Relay(client_of(server.url)).round()
    assert [event["id"] for event in server.received] == [f"request:{request.pk}:requested:1" for request in requests]
    assert server.received[0]["name"] == REQUESTED
    assert server.received[0]["data"] == {"request_id": str(requests[0].pk), "reference": requests[0].reference}
    assert not OutboxEvent.objects.filter(sent_at=None).exists()
    Relay(client_of(server.url)).round()
    assert len(server.received) == 3


@pytest.mark.django_db
def test_nothing_is_lost_while_the_server_is_down(server: EventServer, quick: None) -> None:
    gone = EventServer()
    gone.close()
    requests = [make_request(status=Status.RECEIVED) for _ in range(3)]
    Relay(client_of(gone.url)).round()
    rows = OutboxEvent.objects.filter(sent_at=None)
    assert rows.count() == 3
    assert {(row.attempts, row.not_before > timezone.now()) for row in rows} == {(1, True)}
    all_due_now()
    Relay(client_of(server.url)).round()
    assert [event["id"] for event in server.received] == [f"request:{request.pk}:requested:1" for request in requests]
    assert not rows.all().exists()


@pytest.mark.django_db
@pytest.mark.parametrize("body", ["<html>bad gateway</html>", '{"error": "no"}', "[]", ""])
def test_an_error_of_the_server_is_noted_without_secrets_and_tried_again(
    server: EventServer, quick: None, body: str
) -> None:
    make_request(status=Status.RECEIVED)
    server.status, server.body = 502, body
    relay = Relay(client_of(server.url))
    for attempts in (1, 2, 3):
        all_due_now()
        began = timezone.now()
        relay.round()
        row = OutboxEvent.objects.get()
        assert (row.sent_at, row.attempts) == (None, attempts)
        assert row.last_error
        assert EVENT_KEY not in row.last_error
        assert row.not_before >= began + timedelta(seconds=2 ** (attempts - 1))
    server.status = 200
    all_due_now()
    relay.round()
    row.refresh_from_db()
    assert row.sent_at is not None
    assert row.last_error == ""


@pytest.mark.django_db
def test_a_secret_in_an_error_is_left_out(monkeypatch: pytest.MonkeyPatch, server: EventServer) -> None:
    client = client_of(server.url)

    def fail(events: object) -> None:
        raise OSError(f"/e/{EVENT_KEY} {SIGNING_KEY}")

    monkeypatch.setattr(client, "send_sync", fail)
    make_request(status=Status.RECEIVED)
    Relay(client).round()
    assert OutboxEvent.objects.get().last_error == "OSError: /e/*** ***"


@pytest.mark.django_db
def test_one_refused_event_does_not_hold_up_the_others(server: EventServer, quick: None) -> None:
    first, second = make_request(status=Status.RECEIVED), make_request(status=Status.RECEIVED)
    OutboxEvent.objects.filter(request=first).update(name="poison")
    server.refused_names = {"poison"}
    relay = Relay(client_of(server.url))
    relay.round()
    all_due_now()
    relay.round()
    assert [event["id"] for event in server.received] == [f"request:{second.pk}:requested:1"]
    assert OutboxEvent.objects.get(request=first).sent_at is None


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_it_sends(server: EventServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client, seen = client_of(server.url), []
    original = client.send_sync
    monkeypatch.setattr(client, "send_sync", lambda events: seen.append(connection.in_atomic_block) or original(events))
    make_request(status=Status.RECEIVED)
    Relay(client).round()
    assert seen == [False]


@pytest.mark.django_db
def test_a_relay_that_died_while_sending_leaves_the_event_to_another(
    server: EventServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    request = make_request(status=Status.RECEIVED)
    client = client_of(server.url)
    original = client.send_sync
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(client, "send_sync", lambda events: original(events) and (_ for _ in ()).throw(Killed))
        Relay(client).round()
    Relay(client).round()
    assert len(server.received) == 1  # its claim still holds
    all_due_now()
    Relay(client).round()
    assert [event["id"] for event in server.received] == [f"request:{request.pk}:requested:1"] * 2


@pytest.mark.django_db(transaction=True)
def test_several_relays_send_every_event_once(server: EventServer) -> None:
    for _ in range(20):
        make_request(status=Status.RECEIVED)
    barrier = threading.Barrier(4)

    def relay() -> None:
        barrier.wait(timeout=10)
        try:
            Relay(client_of(server.url)).round()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=relay) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    ids = [event["id"] for event in server.received]
    assert (len(ids), len(set(ids))) == (20, 20)


@pytest.mark.django_db
def test_embedded_the_event_is_in_the_inbox_or_still_in_the_outbox() -> None:
    make_request(status=Status.RECEIVED)
    relay = Relay(EmbeddedClient())
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        relay.round()
        raise ZeroDivisionError
    assert (Event.objects.count(), OutboxEvent.objects.filter(sent_at=None).count()) == (0, 1)
    relay.round()
    assert (Event.objects.count(), OutboxEvent.objects.filter(sent_at=None).count()) == (1, 0)


@pytest.mark.django_db
def test_the_reconciler_sends_the_same_id_again_when_no_workflow_began() -> None:
    lost, fresh, begun = (make_request(status=status) for status in (Status.RECEIVED, Status.RECEIVED, Status.SCORING))
    now = timezone.now()
    OutboxEvent.objects.update(sent_at=now - timedelta(seconds=61))
    OutboxEvent.objects.filter(request=fresh).update(sent_at=now - timedelta(seconds=59))
    GovernanceRequest.objects.update(received_at=now - timedelta(seconds=90))
    assert reconcile(now) == 1
    assert list(OutboxEvent.objects.filter(sent_at=None).values_list("event_id", flat=True)) == [
        f"request:{lost.pk}:requested:1"
    ]
    assert OutboxEvent.objects.get(request=begun).sent_at is not None
    assert reconcile(now) == 0


@pytest.mark.django_db
def test_the_nudge_reminds_with_new_ids_until_the_workflow_has_seen_the_decision() -> None:
    request = make_request(status=Status.DENIED)
    now = timezone.now()
    events = OutboxEvent.objects.filter(request=request, name=DECIDED).order_by("id")
    assert nudge(now) == 0
    OutboxEvent.objects.update(sent_at=now)
    for number in (2, 3):
        now += timedelta(seconds=31)
        assert nudge(now) == 1
        assert nudge(now) == 0  # its event waits to be sent
        assert events.last().event_id == f"request:{request.pk}:decision:{number}"
        OutboxEvent.objects.filter(sent_at=None).update(sent_at=now)
        assert nudge(now + timedelta(seconds=29)) == 0
    actions.finalize(request.pk)
    assert nudge(now + timedelta(seconds=31)) == 0


@pytest.mark.django_db
def test_a_lost_run_is_not_nudged_for_ever() -> None:
    request = make_request(status=Status.DENIED)
    now = timezone.now()
    OutboxEvent.objects.update(sent_at=now)
    for _ in range(QUICK_NUDGES):
        now += timedelta(seconds=31)
        assert nudge(now) == 1
        OutboxEvent.objects.filter(sent_at=None).update(sent_at=now)
    OutboxEvent.objects.update(sent_at=now)
    assert nudge(now + timedelta(minutes=9)) == 0
    assert nudge(now + timedelta(minutes=11)) == 1
    OutboxEvent.objects.update(sent_at=now)
    assert nudge(request.finished_at + timedelta(days=1, seconds=1)) == 0
