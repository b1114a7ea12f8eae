"""Outcomes reach an agent's webhook: signed, tried again, once per process, whatever the receiver does."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from governance import actions
from governance.actions import deliveries
from governance.actions.deliveries import RETRY_AFTER, claim_deliveries, queue_deliveries
from governance.models import AgentWebhook, EvidenceEntry, WebhookDelivery
from governance.states import Status
from mcp_bridge import webhook_client
from mcp_bridge.deliveries import MOST_OF_ONE, Deliveries
from tests.factories import make_agent, make_request
from tests.receivers import receiver
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    deliveries.forget_webhooks()


@pytest.fixture
def hook():
    with receiver() as found:
        yield found


@pytest.fixture
def loop():
    made = Deliveries()
    yield made
    made.stop()


def rounds_until(loop: Deliveries, look: Callable[[], object], what: str) -> None:
    wait_for(lambda: loop.round() is not None and look(), what)


def settled() -> bool:
    """Nothing is under way: every claim has its answer."""
    return not WebhookDelivery.objects.filter(
        delivered_at=None, failed_at=None, attempts__gt=0, last_status=None, last_error=""
    ).exists()


def queue(agent, status: Status = Status.SUCCEEDED) -> WebhookDelivery:
    request = make_request(agent=agent, status=Status.EXECUTING)
    queue_deliveries([(request.pk, agent.pk, status)], now=timezone.now())
    return WebhookDelivery.objects.get(request=request, event=f"request.{status}")


def make_due(delivery: WebhookDelivery) -> None:
    """As time would; what the last attempt left is wiped, so that `settled` waits for the next one's answer."""
    WebhookDelivery.objects.filter(pk=delivery.pk).update(not_before=timezone.now(), last_status=None, last_error="")


def test_an_outcome_arrives_signed_and_says_what_happened(hook, loop):
    agent = make_agent()
    secret = actions.set_agent_webhook(agent, hook.url)
    request = make_request(agent=agent, status=Status.SUCCEEDED)
    rounds_until(loop, lambda: WebhookDelivery.objects.get().delivered_at, "the delivery")
    (got,) = hook.received
    message = got.verified(secret)
    assert got.headers["content-type"] == "application/json"
    assert got.id == str(WebhookDelivery.objects.get().pk)
    assert message["type"] == "request.succeeded"
    assert message["data"] == {
        "reference": request.reference, "status": "succeeded", "tool": request.tool.exposed_name, "agent": agent.name,
        "deadline": message["data"]["deadline"], "decided_at": message["data"]["decided_at"], "is_error": False,
    }
    assert WebhookDelivery.objects.get().last_status == 204


def test_neither_arguments_nor_results_are_sent(hook, loop):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    make_request(
        agent=agent, status=Status.SUCCEEDED, arguments={"beneficiary_id": "BEN-SECRET"},
        result={"content": [{"type": "text", "text": "RESULT-SECRET"}]},
    )
    rounds_until(loop, lambda: hook.received, "the delivery")
    assert b"SECRET" not in hook.received[0].body


def test_a_call_for_review_and_its_end_are_two_deliveries(hook, loop):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    make_request(agent=agent, status=Status.DENIED, reason="Not this month.")
    rounds_until(loop, lambda: len(hook.received) == 2, "both deliveries")
    found = {got.message["type"]: got.message["data"] for got in hook.received}
    assert found["request.in_review"]["status"] == "in_review"
    assert "decided_at" not in found["request.in_review"]
    assert found["request.denied"]["reason"] == "Not this month."


@pytest.mark.parametrize("status", [Status.FAILED, Status.OUTCOME_UNKNOWN, Status.EXPIRED, Status.DENIED])
def test_every_end_is_announced(hook, status):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    make_request(agent=agent, status=status)
    assert WebhookDelivery.objects.filter(event=f"request.{status}").count() == 1


def test_a_cancelled_call_is_announced(hook):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    actions.cancel(make_request(agent=agent), agent=agent)
    assert WebhookDelivery.objects.filter(event="request.cancelled").exists()


def test_an_agent_without_a_webhook_costs_no_statement(django_assert_num_queries):
    agent = make_agent()
    queue_deliveries([(make_request(agent=agent).pk, agent.pk, Status.SUCCEEDED)], now=timezone.now())
    with django_assert_num_queries(0):
        queue_deliveries([(agent.pk, agent.pk, Status.SUCCEEDED)] * 100, now=timezone.now())


def test_an_outcome_that_is_rolled_back_announces_nothing(hook):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    request = make_request(agent=agent)
    WebhookDelivery.objects.all().delete()
    with pytest.raises(ZeroDivisionError), deliveries.transaction.atomic():
        queue_deliveries([(request.pk, agent.pk, Status.DENIED)], now=timezone.now())
        raise ZeroDivisionError
    assert not WebhookDelivery.objects.exists()


def test_a_failed_attempt_is_made_again_by_the_schedule_and_then_given_up(hook, loop):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    hook.answer = lambda received, handler: 500
    delivery = queue(agent)
    for number, pause in enumerate(RETRY_AFTER, start=1):
        before = timezone.now()
        make_due(delivery)
        rounds_until(loop, lambda number=number: len(hook.received) == number and settled(), f"attempt {number}")
        delivery.refresh_from_db()
        assert before + pause <= delivery.not_before <= timezone.now() + pause
        assert (delivery.attempts, delivery.last_status, delivery.last_error) == (number, 500, "HTTP 500")
        assert delivery.failed_at is None
    make_due(delivery)
    rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=delivery.pk).failed_at, "giving up")
    assert len({got.id for got in hook.received}) == 1
    assert len(hook.received) == len(RETRY_AFTER) + 1


def test_the_signature_of_a_later_attempt_is_good_too(hook, loop):
    agent = make_agent()
    secret = actions.set_agent_webhook(agent, hook.url)
    hook.answer = lambda received, handler: 204 if len(hook.received) > 1 else 503
    delivery = queue(agent)
    rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=delivery.pk).last_status == 503, "the first attempt")
    make_due(delivery)
    rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=delivery.pk).delivered_at, "the second attempt")
    assert hook.received[0].body == hook.received[1].body
    hook.received[1].verified(secret)


def test_a_redirect_is_not_followed(hook, loop):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)

    def redirect(received, handler):
        handler.send_response(307)
        handler.send_header("Location", f"http://127.0.0.1:{hook.port}/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    hook.answer = redirect
    delivery = queue(agent)
    rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=delivery.pk).last_status, "the answer")
    assert WebhookDelivery.objects.get(pk=delivery.pk).last_error == "HTTP 307"
    assert [got.path for got in hook.received] == ["/hook"]


def test_410_gone_switches_the_webhook_off_and_gives_up_what_waits(hook, loop):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    hook.answer = lambda received, handler: 410
    waiting = queue(agent)
    WebhookDelivery.objects.update(not_before=timezone.now() + timedelta(hours=1))
    queue(agent)
    rounds_until(loop, lambda: not AgentWebhook.objects.get().enabled, "the switch")
    waiting.refresh_from_db()
    assert waiting.failed_at is not None
    assert "switched off" in EvidenceEntry.objects.order_by("-id").first().payload
    count = WebhookDelivery.objects.count()
    make_request(agent=agent, status=Status.DENIED)
    assert WebhookDelivery.objects.count() == count


def test_a_long_answer_is_cut_off_and_counts_by_its_status(hook, loop):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    ended = threading.Event()

    def endless(received, handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            ended.set()

    hook.answer = endless
    delivery = queue(agent)
    rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=delivery.pk).delivered_at, "the delivery")
    assert ended.wait(30), "the gateway went on reading"


def test_a_receiver_that_never_answers_is_left_in_time(hook, loop, monkeypatch):
    monkeypatch.setattr(webhook_client, "TOTAL_SECONDS", 0.2)
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    release = threading.Event()
    hook.answer = lambda received, handler: release.wait(60) and None
    delivery = queue(agent)
    rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=delivery.pk).last_error, "the time-out")
    release.set()
    assert WebhookDelivery.objects.get(pk=delivery.pk).last_error == "no answer within 0.2 seconds"


def test_a_slow_receiver_holds_up_nobody_else(hook, loop):
    slow, quick = make_agent("slow"), make_agent("quick")
    release = threading.Event()
    with receiver() as other:
        hook.answer = lambda received, handler: (release.wait(60), 204)[1]
        actions.set_agent_webhook(slow, hook.url)
        actions.set_agent_webhook(quick, other.url)
        first = [queue(slow) for _ in range(MOST_OF_ONE * 3)]
        last = queue(quick)
        rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=last.pk).delivered_at, "the quick one")
        assert len(hook.received) <= MOST_OF_ONE
        assert not WebhookDelivery.objects.filter(
            pk__in=[row.pk for row in first], delivered_at__isnull=False
        ).exists()
        release.set()
        done = WebhookDelivery.objects.filter(pk__in=[row.pk for row in first], delivered_at__isnull=False)
        rounds_until(loop, lambda: done.count() == len(first), "the slow ones")


def test_a_receiver_that_is_down_is_tried_again(loop):
    with receiver() as gone:
        url = gone.url
    agent = make_agent()
    actions.set_agent_webhook(agent, url)
    delivery = queue(agent)
    rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=delivery.pk).last_error, "the failure")
    delivery.refresh_from_db()
    assert delivery.last_error.startswith("no connection (")
    assert delivery.failed_at is None


def test_a_claim_that_its_process_never_answered_lapses(hook, loop):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    delivery = queue(agent)
    assert claim_deliveries(timezone.now(), most=10, full=(), room=lambda webhook_id: 10)
    assert loop.round() > 0
    assert not hook.received
    make_due(delivery)  # what the passing of CLAIM comes to
    rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=delivery.pk).delivered_at, "the second attempt")
    assert WebhookDelivery.objects.get(pk=delivery.pk).attempts == 2


def test_a_secret_that_no_key_opens_sends_nothing(hook, loop):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    AgentWebhook.objects.update(sealed_secret="gAAAA-not-ours")
    delivery = queue(agent)
    rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=delivery.pk).last_error, "the failure")
    assert "cannot be opened" in WebhookDelivery.objects.get(pk=delivery.pk).last_error
    assert not hook.received


def test_a_request_announces_each_status_once(hook):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    request = make_request(agent=agent)
    queue_deliveries([(request.pk, agent.pk, Status.IN_REVIEW)], now=timezone.now())
    assert WebhookDelivery.objects.filter(event="request.in_review").count() == 1


def test_a_delivery_that_was_given_up_can_be_sent_again(hook, loop):
    agent = make_agent()
    actions.set_agent_webhook(agent, hook.url)
    delivery = queue(agent)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(failed_at=timezone.now(), attempts=8)
    assert actions.send_again(WebhookDelivery.objects.filter(pk=delivery.pk)) == 1
    rounds_until(loop, lambda: WebhookDelivery.objects.get(pk=delivery.pk).delivered_at, "the delivery")
    assert hook.received[0].id == str(delivery.pk)
    assert actions.send_again(WebhookDelivery.objects.filter(pk=delivery.pk)) == 0
