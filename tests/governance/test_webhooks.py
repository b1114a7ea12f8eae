"""The verbs around an agent's webhook, its command, and what remains of its log."""

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from governance import actions
from governance.actions import express
from governance.actions.deliveries import forget_webhooks, queue_deliveries
from governance.canonical import canonical, digest
from governance.errors import InvalidArguments, NotAllowed
from governance.models import AgentWebhook, EvidenceEntry, Role, User, WebhookDelivery
from governance.sealing import unseal
from governance.states import Status
from governance.workflow.sweeper import BATCH, KEEP, remove_old
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_tool

pytestmark = pytest.mark.django_db
POLICY = "version: 1\nrules:\n  - name: all\n    when: {tool: '*'}\n    effect: allow\n"
URL = "http://127.0.0.1:9/hook?key=only-the-receiver"


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    forget_webhooks()


@pytest.fixture
def agent():
    return make_agent("clerk")


def evidence() -> list[dict]:
    return [json.loads(row.payload) for row in EvidenceEntry.objects.filter(fact="administered").order_by("id")]


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("set_agent_webhook", *arguments, stdout=out)
    return out.getvalue()


def test_the_secret_is_given_once_and_kept_sealed(agent):
    secret = actions.set_agent_webhook(agent, URL)
    row = AgentWebhook.objects.get(agent=agent)
    assert secret.startswith("whsec_")
    Webhook(secret)  # the reference library can use it
    assert secret not in row.sealed_secret
    assert unseal(row.sealed_secret) == secret


def test_evidence_names_the_receiver_and_neither_path_nor_secret(agent):
    secret = actions.set_agent_webhook(agent, URL, by=User.objects.create_superuser("boss"))
    (entry,) = evidence()
    assert entry == {"what": "agent webhook set", "agent": "clerk", "receiver": "http://127.0.0.1:9"}
    assert not EvidenceEntry.objects.filter(payload__contains=secret).exists()


def test_every_act_leaves_its_evidence(agent):
    actions.set_agent_webhook(agent, URL)
    webhook = AgentWebhook.objects.get()
    actions.rotate_webhook_secret(webhook)
    actions.disable_webhook(webhook)
    actions.enable_webhook(webhook)
    actions.remove_webhook(webhook)
    assert [entry["what"] for entry in evidence()] == [
        "agent webhook set", "agent webhook secret replaced", "agent webhook switched off", "agent webhook switched on",
        "agent webhook switched off", "agent webhook removed",
    ]


def test_what_was_done_before_is_no_act(agent):
    actions.set_agent_webhook(agent, URL)
    webhook = AgentWebhook.objects.get()
    assert not actions.enable_webhook(webhook)
    assert actions.disable_webhook(webhook)
    assert not actions.disable_webhook(webhook)
    assert actions.remove_webhook(webhook)
    assert not actions.remove_webhook(AgentWebhook(pk=webhook.pk, agent=agent))


def test_another_address_replaces_the_first_and_its_secret(agent):
    first = actions.set_agent_webhook(agent, URL)
    assert actions.set_agent_webhook(agent, "http://127.0.0.1:10/") != first
    assert AgentWebhook.objects.get().url == "http://127.0.0.1:10/"


def test_a_refused_address_changes_nothing(agent, settings):
    actions.set_agent_webhook(agent, URL)
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    for url in (URL, "https://127.0.0.1/"):
        with pytest.raises(InvalidArguments):
            actions.set_agent_webhook(agent, url)
    assert AgentWebhook.objects.get().url == URL


def test_only_operators_and_admins_of_its_team_and_superusers_may(agent):
    for person in (
        make_reviewer(), make_reviewer(role=Role.VIEWER), make_reviewer(team=make_team(), role=Role.ADMIN),
        make_reviewer(role=Role.ADMIN, is_active=False),
    ):
        with pytest.raises(NotAllowed):
            actions.set_agent_webhook(agent, URL, by=person)
    boss = User.objects.create_superuser("boss")
    for person in (make_reviewer(role=Role.OPERATOR), make_reviewer(role=Role.ADMIN), boss):
        actions.set_agent_webhook(agent, URL, by=person)


def test_switching_off_gives_up_what_waits(agent):
    actions.set_agent_webhook(agent, URL)
    make_request(agent=agent)
    actions.disable_webhook(AgentWebhook.objects.get())
    assert WebhookDelivery.objects.get().failed_at is not None
    assert actions.send_again(WebhookDelivery.objects.all()) == 0
    actions.enable_webhook(AgentWebhook.objects.get())
    assert actions.send_again(WebhookDelivery.objects.all()) == 1


def test_outcomes_of_allowed_calls_are_queued_by_the_batch(agent):
    other = make_agent()
    actions.set_agent_webhook(agent, URL)
    tool = make_tool()
    version = actions.save_policy(agent.team, POLICY)
    agent.team.refresh_from_db()
    arguments = canonical({"days": 1})
    calls = [
        express.AllowedCall(
            team_id=caller.team_id, generation=agent.team.generation, agent_id=caller.pk, agent=caller.name,
            tool_id=tool.pk, tool=tool.exposed_name, server="welfare", tool_digest=tool.digest,
            arguments_json=arguments, arguments_digest=digest(arguments), version_id=version.pk, version=version.number,
            rule="all", reason="allowed",
        )
        for caller in (agent, other, agent)
    ]
    assert express.admit(calls, now=timezone.now()) == [True] * 3
    assert not WebhookDelivery.objects.exists()
    returns = [express.Return(call, result={"content": []}) for call in calls]
    express.settle(returns, now=timezone.now())
    assert {row.request_id for row in WebhookDelivery.objects.filter(event="request.succeeded")} == {
        calls[0].request_id, calls[2].request_id
    }


def test_old_deliveries_are_removed_and_what_waits_is_kept(agent):
    actions.set_agent_webhook(agent, URL)
    for _ in range(4):
        make_request(agent=agent)
    now = timezone.now()
    delivered, failed, waiting, fresh = WebhookDelivery.objects.all()
    WebhookDelivery.objects.exclude(pk=fresh.pk).update(created_at=now - KEEP)
    WebhookDelivery.objects.filter(pk__in=[delivered.pk, fresh.pk]).update(delivered_at=now)
    WebhookDelivery.objects.filter(pk=failed.pk).update(failed_at=now)
    assert remove_old(now) == 2
    assert set(WebhookDelivery.objects.all()) == {waiting, fresh}


def test_only_so_many_are_removed_at_once(agent):
    actions.set_agent_webhook(agent, URL)
    webhook, request = AgentWebhook.objects.get(), make_request()
    now = timezone.now()
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(webhook=webhook, request=request, event=f"e{number}", created_at=now - KEEP, delivered_at=now)
        for number in range(BATCH + 3)
    )
    before = WebhookDelivery.objects.count()
    assert remove_old(now) == BATCH
    assert WebhookDelivery.objects.count() == before - BATCH


def test_a_webhook_that_another_process_set_is_known_within_a_second(agent, monkeypatch):
    request = make_request(agent=agent)
    queue_deliveries([(request.pk, agent.pk, Status.DENIED)], now=timezone.now())  # memory is filled
    AgentWebhook.objects.create(agent=agent, url=URL, sealed_secret="")
    monkeypatch.setattr("governance.actions.deliveries.KNOWN_FOR_SECONDS", 0.0)  # what a second's passing comes to
    queue_deliveries([(request.pk, agent.pk, Status.DENIED)], now=timezone.now())
    assert WebhookDelivery.objects.count() == 1


def test_with_too_many_webhooks_to_remember_the_table_is_asked(agent, monkeypatch):
    monkeypatch.setattr("governance.actions.deliveries.MOST_KNOWN", 1)
    for one in (make_agent(), make_agent(), agent):
        actions.set_agent_webhook(one, URL)
    make_request(agent=agent)
    make_request(agent=make_agent())
    assert WebhookDelivery.objects.count() == 1


def test_the_command_prints_the_secret_once(agent):
    text = run("clerk", URL)
    secret = unseal(AgentWebhook.objects.get().sealed_secret)
    assert text.count(secret) == 1
    assert json.loads(run("clerk", URL, "--json"))["url"] == URL


def test_the_command_removes(agent):
    run("clerk", URL)
    run("clerk", "--remove")
    assert not AgentWebhook.objects.exists()
    with pytest.raises(CommandError, match="has no webhook"):
        run("clerk", "--remove")


def test_the_command_says_what_is_missing(agent, settings):
    for arguments, why in (
        (["clerk"], "Give the address"), (["clerk", URL, "--remove"], "Give the address"),
        (["nobody", URL], "no agent named"), (["clerk", URL, "--team", "none"], "no team"),
        (["clerk", "https://169.254.169.254/"], "metadata"),
    ):
        with pytest.raises(CommandError, match=why):
            run(*arguments)


