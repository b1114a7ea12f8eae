"""Connect an agent: who may, the token shown once, configuration that works as pasted, and the light."""

import json
import re
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from governance import actions
from governance.models import Agent, AgentToken, EvidenceEntry, Role, User
from governance.models.tokens import hash_token
from reviews.connecting import clients
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_viewer
from tests.gateway import clean_env, start_gateway

TOKEN = re.compile(r"atlas_agt_[\w-]{43}")


@pytest.fixture
def operator(client, db):
    person = make_reviewer("olga", role=Role.OPERATOR)
    client.force_login(person)
    return person


@pytest.fixture
def superuser(client, db):
    person = User.objects.create_superuser("root", password="x")
    client.force_login(person)
    return person


def issue(client, agent, days="30"):
    return client.post("/connect/", {"kind": "existing", "existing-agent": agent.pk, "existing-days": days})


def last_token():
    return AgentToken.objects.select_related("agent__team").latest("pk")


def test_an_operator_gets_a_token_once_with_the_configuration_of_every_client(client, operator):
    agent = make_agent("pay-desk")
    answer = issue(client, agent)
    (token,) = set(TOKEN.findall(answer.content.decode()))
    assert "no-store" in answer["Cache-Control"]
    assert AgentToken.objects.get(sha256=hash_token(token)).agent == agent
    for name in ("Claude Code", "Claude Desktop", "Cursor", "VS Code", "Python SDK", "TypeScript SDK", "curl"):
        assert name in answer.content.decode()
    for again in ("/connect/", f"/connect/tokens/{last_token().pk}/"):
        assert not TOKEN.search(client.get(again).content.decode())


def test_issuing_leaves_evidence_and_the_token_ends_when_chosen(client, operator):
    issue(client, make_agent("pay-desk"), days="1")
    row = last_token()
    assert timedelta(hours=23) < row.expires_at - timezone.now() < timedelta(hours=25)
    entry = EvidenceEntry.objects.latest("pk")
    assert row.prefix in json.dumps(entry.payload)
    assert "olga" in entry.actor


@pytest.mark.django_db
def test_a_reviewer_is_told_who_can_and_is_refused(client):
    client.force_login(make_reviewer("sarah"))
    make_reviewer("olga", role=Role.OPERATOR, first_name="Olga", last_name="Brandt")
    assert "Olga Brandt" in client.get("/connect/").content.decode()
    answer = issue(client, make_agent())
    assert answer.status_code == 403
    assert not AgentToken.objects.exists()


def test_an_agent_of_another_team_is_no_choice(client, operator):
    answer = issue(client, make_agent(team=make_team("Elsewhere")))
    assert answer.status_code == 422
    assert not AgentToken.objects.exists()


def test_only_superusers_make_agents(client, operator):
    answer = client.post("/connect/", {"kind": "new", "new-name": "new one", "new-team": operator.teams.get().pk})
    assert answer.status_code == 403
    assert not Agent.objects.exists()


def test_a_superuser_makes_an_agent_with_its_owner(client, superuser):
    team = make_team("Pay")
    answer = client.post("/connect/", {
        "kind": "new", "new-name": "pay-desk", "new-team": team.pk, "new-owner": superuser.pk, "new-days": "90",
    })
    assert TOKEN.search(answer.content.decode())
    agent = Agent.objects.get(name="pay-desk")
    assert (agent.team, agent.owner) == (team, superuser)
    assert last_token().expires_at is not None


def test_a_taken_name_is_said_at_the_form(client, superuser):
    agent = make_agent("pay-desk")
    answer = client.post("/connect/", {"kind": "new", "new-name": "pay-desk", "new-team": agent.team.pk})
    assert answer.status_code == 422
    assert "already an agent named pay-desk" in answer.content.decode()


# -- the light -------------------------------------------------------------------------------------


def light(client, token, sign=""):
    return client.get(f"/connect/tokens/{token.pk}/heard/", {"sign": sign})


@pytest.fixture
def issued(client, operator):
    issue(client, make_agent("pay-desk"))
    return last_token()


def test_the_light_asks_again_until_the_token_is_used(client, issued):
    assert "every 2s" in light(client, issued).content.decode()
    assert light(client, issued, "waiting").status_code == 204
    AgentToken.objects.update(last_used_at=timezone.now())
    heard = light(client, issued, "waiting").content.decode()
    assert "We heard from it." in heard
    assert "every 2s" not in heard


def test_the_light_names_the_first_call(client, issued):
    AgentToken.objects.update(last_used_at=timezone.now())
    first = make_request(agent=issued.agent)
    make_request(agent=issued.agent)
    assert f"/requests/{first.reference}/" in light(client, issued, "heard").content.decode()


def test_the_light_stops_asking_after_ten_minutes(client, issued):
    AgentToken.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    answer = light(client, issued, "waiting").content.decode()
    assert "Nothing heard yet." in answer
    assert "hx-get" not in answer


def test_the_light_says_that_the_agent_is_halted(client, issued, operator):
    actions.halt(issued.agent, reason="Odd calls.", by=operator)
    assert "It is halted." in light(client, issued, "waiting").content.decode()


def test_a_revoked_token_is_shown_as_ended(client, issued):
    answer = client.post(f"/connect/tokens/{issued.pk}/revoke/", follow=True)
    assert "This token has ended." in answer.content.decode()
    assert not last_token().is_usable()


def test_others_of_the_team_see_the_light_and_do_not_revoke(client, issued):
    client.force_login(make_viewer("vera"))
    assert light(client, issued).status_code == 200
    assert client.post(f"/connect/tokens/{issued.pk}/revoke/").status_code == 403
    client.force_login(make_reviewer("far", team=make_team("Elsewhere")))
    assert light(client, issued).status_code == 404
    assert client.post(f"/connect/tokens/{issued.pk}/revoke/").status_code == 404
    assert last_token().is_usable()


# -- what is pasted --------------------------------------------------------------------------------


def snippets(url="http://127.0.0.1:8000", token="atlas_agt_x"):
    return {client.slug: client.snippets for client in clients(token, url)}


def test_the_files_of_clients_are_json_with_address_and_token():
    made = snippets()
    cursor, vscode = (json.loads(made[name][0].code) for name in ("cursor", "vscode"))
    header = {"Authorization": "Bearer atlas_agt_x"}
    assert cursor["mcpServers"]["atlas"] == {"url": "http://127.0.0.1:8000/mcp", "headers": header}
    assert vscode["servers"]["atlas"] == {"type": "http", "url": "http://127.0.0.1:8000/mcp", "headers": header}
    bridge, own = (json.loads(snippet.code)["mcpServers"]["atlas"] for snippet in made["claude-desktop"])
    assert bridge["env"] == {"AUTH": "Bearer atlas_agt_x"}
    assert own["args"][-1] == "mcp_stdio"


def test_an_http_address_is_allowed_for_the_bridge_only_where_it_is_meant():
    assert "--allow-http" in snippets()["claude-desktop"][0].code
    assert "--allow-http" not in snippets("https://atlas.example")["claude-desktop"][0].code


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = start_gateway(tmp_path_factory.mktemp("connect"))
    yield gateway
    gateway.close()


@pytest.mark.parametrize(("slug", "number"), [("curl", 0), ("curl", 1), ("python", 1)])
def test_what_is_pasted_really_talks_to_a_gateway(gateway, slug, number):
    code = snippets(gateway.url, gateway.agent_token)[slug][number].code
    command = ["sh", "-c", code] if slug == "curl" else [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, env=clean_env(NO_PROXY="127.0.0.1")
    )
    assert "check_status" in done.stdout or "demo-agent" in done.stdout, done.stderr
