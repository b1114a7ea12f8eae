"""Webhooks in the admin: who sets them, the secret shown once, and the delivery log."""

import re

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance import actions
from governance.actions.deliveries import forget_webhooks
from governance.models import AgentWebhook, EvidenceEntry, Role, User, WebhookDelivery
from governance.sealing import unseal
from tests.factories import make_agent, make_request, make_reviewer, make_team

pytestmark = pytest.mark.django_db
URL = "http://127.0.0.1:9/hook/path-for-the-receiver"
WEBHOOKS, LOG = "admin:governance_agentwebhook", "admin:governance_webhookdelivery"
SET = f"{WEBHOOKS}_set_webhook"


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    forget_webhooks()


@pytest.fixture
def boss():
    return logged_in(User.objects.create_superuser("boss"))


@pytest.fixture
def operator():
    return logged_in(make_reviewer("olga", role=Role.OPERATOR, is_staff=True))


@pytest.fixture
def agent():
    return make_agent("clerk")


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response) -> str:
    return response.content.decode()


def test_an_operator_sets_a_webhook_and_sees_its_secret_once(operator, agent):
    page = operator.get(reverse(SET))
    assert "clerk" in text(page)
    answer = operator.post(reverse(SET), {"agent": agent.pk, "url": URL})
    webhook = AgentWebhook.objects.get(agent=agent)
    secret = unseal(webhook.sealed_secret)
    assert secret in text(answer)
    assert "no-store" in answer["Cache-Control"]
    for address in (reverse(f"{WEBHOOKS}_changelist"), reverse(f"{WEBHOOKS}_change", args=[webhook.pk])):
        shown = operator.get(address)
        assert shown.status_code == 200
        assert "whsec_" not in text(shown)
        assert webhook.sealed_secret not in text(shown)
    assert EvidenceEntry.objects.filter(actor="reviewer:olga", payload__contains="agent webhook set").exists()


def test_a_refused_address_is_said_on_the_form(operator, agent, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    answer = operator.post(reverse(SET), {"agent": agent.pk, "url": "https://127.0.0.1/"})
    assert "a loopback address" in text(answer)
    assert not AgentWebhook.objects.exists()


def test_an_agent_of_another_team_cannot_be_chosen(operator):
    other = make_agent("theirs", team=make_team())
    assert "theirs" not in text(operator.get(reverse(SET)))
    operator.post(reverse(SET), {"agent": other.pk, "url": URL})
    assert not AgentWebhook.objects.exists()


def test_a_reviewer_looks_and_changes_nothing(agent):
    actions.set_agent_webhook(agent, URL)
    webhook = AgentWebhook.objects.get()
    client = logged_in(make_reviewer(is_staff=True))
    shown = client.get(reverse(f"{WEBHOOKS}_change", args=[webhook.pk]))
    assert shown.status_code == 200
    assert "http://127.0.0.1:9" in text(shown)
    assert "path-for-the-receiver" not in text(shown)
    assert client.post(reverse(SET), {"agent": agent.pk, "url": URL}).status_code == 403
    for name in ("rotate", "switch_off", "remove"):
        assert client.post(reverse(f"{WEBHOOKS}_{name}", args=[webhook.pk])).status_code == 403
    assert AgentWebhook.objects.get().enabled


def test_a_webhook_of_another_team_is_not_there(operator):
    actions.set_agent_webhook(make_agent("theirs", team=make_team()), URL)
    webhook = AgentWebhook.objects.get()
    assert "theirs" not in text(operator.get(reverse(f"{WEBHOOKS}_changelist")))
    for name in ("rotate", "switch_off", "remove"):
        assert operator.post(reverse(f"{WEBHOOKS}_{name}", args=[webhook.pk])).status_code in (403, 404)
    assert AgentWebhook.objects.get().enabled


def test_off_on_new_secret_and_removal_are_asked_before(operator, agent):
    first = actions.set_agent_webhook(agent, URL)
    pk = AgentWebhook.objects.get().pk
    for name, done in (
        ("switch_off", lambda: not AgentWebhook.objects.get().enabled),
        ("switch_on", lambda: AgentWebhook.objects.get().enabled),
        ("rotate", lambda: unseal(AgentWebhook.objects.get().sealed_secret) != first),
        ("remove", lambda: not AgentWebhook.objects.exists()),
    ):
        address = reverse(f"{WEBHOOKS}_{name}", args=[pk])
        assert operator.get(address).status_code == 200
        assert not done(), name
        operator.post(address)
        assert done(), name


def test_the_list_shows_health_in_a_bounded_number_of_queries(boss, django_assert_max_num_queries):
    for _ in range(8):
        agent = make_agent()
        actions.set_agent_webhook(agent, URL)
        make_request(agent=agent)
    WebhookDelivery.objects.update(attempts=3)
    boss.get(reverse(f"{WEBHOOKS}_changelist"))
    with django_assert_max_num_queries(20):
        shown = text(boss.get(reverse(f"{WEBHOOKS}_changelist")))
    assert len(re.findall("Failing", shown)) >= 8


def test_the_log_is_filtered_by_outcome_event_and_agent(boss, agent):
    other = make_agent("other")
    for one in (agent, other):
        actions.set_agent_webhook(one, URL)
    mine, theirs = make_request(agent=agent), make_request(agent=other)
    WebhookDelivery.objects.filter(request=mine).update(delivered_at=timezone.now())
    address = reverse(f"{LOG}_changelist")
    for query, wanted, unwanted in (
        ("outcome=delivered", mine, theirs), ("outcome=waiting", theirs, mine),
        (f"webhook__agent={agent.pk}", mine, theirs), (f"q={theirs.reference}", theirs, mine),
    ):
        shown = text(boss.get(f"{address}?{query}"))
        assert wanted.reference in shown, query
        assert unwanted.reference not in shown, query
    assert mine.reference not in text(boss.get(f"{address}?event=request.denied"))


def test_what_was_given_up_is_sent_again_by_an_operator(operator, agent):
    actions.set_agent_webhook(agent, URL)
    make_request(agent=agent)
    delivery = WebhookDelivery.objects.get()
    WebhookDelivery.objects.update(failed_at=timezone.now(), attempts=8, last_error="HTTP 500")
    chosen = {"action": "send_again", ACTION_CHECKBOX_NAME: [str(delivery.pk)]}
    operator.post(reverse(f"{LOG}_changelist"), chosen)
    delivery.refresh_from_db()
    assert (delivery.failed_at, delivery.attempts) == (None, 0)
    assert EvidenceEntry.objects.filter(payload__contains="webhook delivery sent again").exists()


def test_a_reviewer_cannot_send_again(agent):
    actions.set_agent_webhook(agent, URL)
    make_request(agent=agent)
    delivery = WebhookDelivery.objects.get()
    WebhookDelivery.objects.update(failed_at=timezone.now())
    client = logged_in(make_reviewer(is_staff=True))
    client.post(reverse(f"{LOG}_changelist"), {"action": "send_again", ACTION_CHECKBOX_NAME: [str(delivery.pk)]})
    delivery.refresh_from_db()
    assert delivery.failed_at is not None


def test_the_metrics_count_what_waits_and_what_was_given_up(boss, agent):
    actions.set_agent_webhook(agent, URL)
    for _ in range(3):
        make_request(agent=agent)
    WebhookDelivery.objects.filter(pk=WebhookDelivery.objects.first().pk).update(failed_at=timezone.now())
    shown = text(boss.get("/metrics"))
    assert "atlas_webhook_deliveries_pending 2.0" in shown
    assert "atlas_webhook_deliveries_failed 1.0" in shown
