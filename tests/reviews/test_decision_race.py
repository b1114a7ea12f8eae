"""Fifty people decide one request at the same moment, over every surface: exactly one of them does."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from governance.actions import issue_api_token
from governance.models import EvidenceEntry, OutboxEvent
from governance.models.evidence import Fact
from governance.states import Status
from tests.factories import make_request, make_reviewer

pytestmark = pytest.mark.django_db(transaction=True)

TOGETHER = 50
WORDS = ("APPROVED", "REJECTED")


def by_webhook(client, request, token, word):
    body = json.dumps({"decision": word, "event_id": request.reference})
    return client.post(
        "/webhook/approval", body, content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )


def by_api(client, request, token, word):
    return client.post(
        f"/api/requests/{request.reference}/decide/", json.dumps({"verdict": word}), content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )


def by_console(client, request, token, word):
    return client.post(reverse("decide", args=[request.reference]), {"verdict": word, "reason": "Looked at it."})


def all_at_once(calls):
    """The status codes of the calls, started together."""
    barrier = threading.Barrier(len(calls))

    def run(call):
        try:
            barrier.wait(60)
            return call().status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_fifty_webhooks_and_console_decisions_exactly_one_wins():
    request = make_request()
    calls = []
    for number in range(TOGETHER):
        reviewer = make_reviewer()
        client = Client()
        client.force_login(reviewer)
        way = (by_webhook, by_console, by_api)[number % 3]
        token, word = issue_api_token(reviewer), WORDS[number % 2]
        calls.append(lambda way=way, client=client, token=token, word=word: way(client, request, token, word))
    codes = Counter(all_at_once(calls))
    won = codes.pop(200, 0) + codes.pop(302, 0)
    assert (won, dict(codes)) == (1, {409: TOGETHER - 1})
    decision = request.decisions.get()
    request.refresh_from_db()
    assert request.status == (Status.APPROVED if decision.verdict == "APPROVED" else Status.DENIED)
    assert request.transitions.filter(to_status__in=[Status.APPROVED, Status.DENIED]).count() == 1
    assert EvidenceEntry.objects.filter(request=request, fact=Fact.DECIDED).count() == 1
    assert OutboxEvent.objects.filter(request=request, name="atlas/sarah.decision").count() == 1


def test_one_reviewers_call_sent_many_times_at_once_succeeds_every_time_and_decides_once():
    request, token = make_request(), issue_api_token(make_reviewer())
    calls = [lambda: by_webhook(Client(), request, token, "APPROVED")] * 12
    assert set(all_at_once(calls)) == {200}
    assert request.decisions.count() == 1
