"""Several processes look for due deliveries at once: each is claimed by one of them."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from governance import actions
from governance.actions import deliveries, webhooks
from governance.actions.deliveries import claim_deliveries, queue_deliveries
from governance.actions.moves import hold_still
from governance.models import AgentWebhook, WebhookDelivery
from governance.states import Status
from mcp_bridge.deliveries import Deliveries
from tests.factories import make_agent, make_request
from tests.receivers import receiver
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 4


@pytest.fixture
def agents(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    deliveries.forget_webhooks()
    return [make_agent() for _ in range(3)]


def queue(agents, count: int) -> None:
    for number in range(count):
        agent = agents[number % len(agents)]
        queue_deliveries(
            [(make_request(agent=agent, status=Status.RECEIVED).pk, agent.pk, Status.SUCCEEDED)], now=timezone.now()
        )


def at_once(work) -> list:
    """What `work` returns on WORKERS threads that begin together, each with its own connection."""
    barrier = threading.Barrier(WORKERS)

    def one(number: int):
        try:
            barrier.wait(30)
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, range(WORKERS)))


def test_each_delivery_is_claimed_once(agents):
    for agent in agents:
        actions.set_agent_webhook(agent, "http://127.0.0.1:9/")
    queue(agents, 24)
    now = timezone.now()

    def claim(number: int):
        found = []
        while WebhookDelivery.objects.filter(attempts=0).exists():
            found += claim_deliveries(now, most=5, full=(), room=lambda webhook_id: 5)
        return [attempt.delivery_id for attempt in found]

    counts = Counter(pk for found in at_once(claim) for pk in found)
    assert len(counts) == 24
    assert set(counts.values()) == {1}
    assert set(WebhookDelivery.objects.values_list("attempts", flat=True)) == {1}


def test_loops_that_run_at_once_send_each_delivery_once(agents):
    with receiver() as hook:
        for agent in agents:
            actions.set_agent_webhook(agent, hook.url)
        queue(agents, 24)

        def run(number: int):
            loop = Deliveries()
            wait_for(
                lambda: loop.round() is not None and not WebhookDelivery.objects.filter(delivered_at=None).exists(),
                "all deliveries",
            )
            loop.stop()

        at_once(run)
        assert len(hook.received) == len({got.id for got in hook.received}) == 24


def test_outcomes_that_come_while_the_webhook_is_removed_are_kept_or_dropped_without_an_error(agents):
    """The move itself must never fail for it."""
    agent = agents[0]
    actions.set_agent_webhook(agent, "http://127.0.0.1:9/")
    requests = [make_request(agent=agent, status=Status.RECEIVED) for _ in range(WORKERS - 1)]

    def move(number: int):
        if number == WORKERS - 1:
            return actions.remove_webhook(AgentWebhook.objects.get(agent=agent))
        return actions.cancel(requests[number], agent=agent)

    at_once(move)
    assert not AgentWebhook.objects.exists()
    assert not WebhookDelivery.objects.exists()
    for request in requests:
        request.refresh_from_db()
        assert request.status == Status.CANCELLED


def test_a_removal_gives_way_to_a_move_that_holds_the_webhook_and_wants_the_team(agents, monkeypatch):
    """As the writer does: it settles calls, then admits others, in one transaction."""
    agent = agents[0]
    actions.set_agent_webhook(agent, "http://127.0.0.1:9/")
    request = make_request(agent=agent, status=Status.RECEIVED)
    queued, turns = threading.Event(), threading.Semaphore(0)
    take_turn = webhooks.take_turn

    def counted(*team_ids: int) -> None:
        take_turn(*team_ids)
        turns.release()

    monkeypatch.setattr(webhooks, "take_turn", counted)

    def move() -> None:
        with transaction.atomic():
            queue_deliveries([(request.pk, agent.pk, Status.SUCCEEDED)], now=timezone.now())
            queued.set()
            if connection.vendor == "postgresql":  # SQLite lets the removal begin after this transaction alone
                assert turns.acquire(timeout=30)  # switched off
                assert turns.acquire(timeout=30)  # about to remove
            hold_still(agent.team_id)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(move)
        assert queued.wait(30)
        assert actions.remove_webhook(AgentWebhook.objects.get(agent=agent))
        moving.result(30)
    assert not WebhookDelivery.objects.exists()
