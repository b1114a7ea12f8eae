"""Every sealed secret passes to the first key; nothing is lost on the way."""

import io

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError

from governance.actions import rotate
from governance.actions.rotate import SEALED_FIELDS, rotate_secrets
from governance.models import AgentWebhook, EvidenceEntry, ToolServer
from governance.sealing import reseal, seal, unseal
from tests.factories import make_agent, make_team

pytestmark = pytest.mark.django_db

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def server(settings) -> ToolServer:
    settings.ENCRYPTION_KEYS = [OLD]
    return make_server("files", "token of files")


def make_server(slug: str, secret: str) -> ToolServer:
    return ToolServer.objects.create(
        team=make_team(), slug=slug, name=slug, kind="stdio", command="x", sealed=seal(secret)
    )


def test_afterwards_the_former_key_is_needed_no_more(server, settings):
    webhook = AgentWebhook.objects.create(agent=make_agent(), url="https://a.example", sealed_secret=seal("whsec"))
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    out = io.StringIO()
    call_command("rotate_secrets", stdout=out)
    assert out.getvalue() == "Sealed anew with the first key: 2.\n"
    settings.ENCRYPTION_KEYS = [NEW]
    server.refresh_from_db()
    webhook.refresh_from_db()
    assert (unseal(server.sealed), unseal(webhook.sealed_secret)) == ("token of files", "whsec")


def test_a_server_without_secrets_is_left_alone(server):
    ToolServer.objects.update(sealed="")
    assert rotate_secrets().resealed == 0
    assert not EvidenceEntry.objects.filter(payload__contains="sealed anew").exists()


def test_it_is_recorded_for_the_team(server):
    rotate_secrets()
    entry = EvidenceEntry.objects.get(payload__contains="secrets sealed anew")
    assert (entry.team, entry.actor) == (server.team, "gateway")


def test_what_no_key_opens_is_named_and_kept_while_the_rest_is_done(server, settings):
    settings.ENCRYPTION_KEYS = [NEW]
    fine = make_server("mail", "token of mail")
    with pytest.raises(CommandError) as raised:
        call_command("rotate_secrets", stdout=io.StringIO())
    assert f"tool server files (id {server.pk})" in str(raised.value) and "mail" not in str(raised.value)
    assert raised.value.returncode == 1
    kept = ToolServer.objects.get(pk=server.pk).sealed
    assert kept == server.sealed and kept not in str(raised.value)
    assert ToolServer.objects.get(pk=fine.pk).sealed != fine.sealed


def test_a_secret_that_was_replaced_meanwhile_stays_the_new_one(server, settings, monkeypatch):
    settings.ENCRYPTION_KEYS = [NEW, OLD]

    def replaced_meanwhile(token: str) -> str:
        if unseal(token) == "token of files":
            ToolServer.objects.filter(pk=server.pk).update(sealed=seal("another token"))
        return reseal(token)

    monkeypatch.setattr(rotate, "reseal", replaced_meanwhile)
    assert rotate_secrets().resealed == 1
    assert unseal(ToolServer.objects.get(pk=server.pk).sealed) == "another token"


def test_every_sealed_field_of_every_model_is_on_the_list():
    named_so = {
        (model, field.name) for model in apps.get_models() for field in model._meta.get_fields()
        if field.name.startswith("sealed")
    }
    assert {(model, field) for model, field, _ in SEALED_FIELDS} == named_so
