"""What the first run makes, and what it prepares, without a server."""

import json
import re
from pathlib import Path

import pytest

from governance import actions
from governance.models import AgentToken, ApiToken, User
from mcp_bridge.demo import Played
from mcp_bridge.models import FirstRun
from mcp_bridge.running import prepare
from mcp_bridge.running.banner import first_banner, later_banner
from mcp_bridge.running.first_run import Credentials, mark_shown, prepare_credentials

URL = "http://127.0.0.1:8000"
CREDENTIALS = Credentials("pass-word", "atlas_rev_x", "atlas_agt_y")


@pytest.mark.django_db
def test_the_first_run_makes_sarah_and_the_demo_agent():
    made = prepare_credentials()
    sarah = User.objects.get(username="sarah")
    assert sarah.check_password(made.password)
    assert sarah.has_perm("governance.decide_request")
    assert ApiToken.objects.usable(made.api_token).get().user == sarah
    agent = AgentToken.objects.usable(made.agent_token).get().agent
    assert (agent.name, agent.owner) == ("demo-agent", None)


@pytest.mark.django_db
def test_secrets_that_were_shown_are_never_made_again():
    made = prepare_credentials()
    mark_shown()
    assert prepare_credentials() is None
    assert User.objects.get(username="sarah").check_password(made.password)
    assert AgentToken.objects.usable(made.agent_token).exists()


@pytest.mark.django_db
def test_secrets_that_nobody_was_shown_are_replaced():
    lost, found = prepare_credentials(), prepare_credentials()
    assert User.objects.get(username="sarah").check_password(found.password)
    assert not AgentToken.objects.usable(lost.agent_token).exists()
    assert AgentToken.objects.usable(found.agent_token).exists()
    assert not ApiToken.objects.usable(lost.api_token).exists()
    assert ApiToken.objects.usable(found.api_token).exists()


@pytest.mark.django_db
def test_people_and_agents_who_existed_before_are_left_alone():
    _, password, api_token = actions.create_reviewer("sarah")
    _, agent_token = actions.create_agent("demo-agent")
    for _ in range(2):
        assert prepare_credentials() == Credentials("", "", "")
    assert User.objects.get(username="sarah").check_password(password)
    assert ApiToken.objects.usable(api_token).exists()
    assert AgentToken.objects.usable(agent_token).exists()
    text = first_banner(URL, Path("/x"), Credentials("", "", ""), [])
    assert "changepassword sarah" in text
    assert "issue_agent_token demo-agent" in text


@pytest.mark.django_db
def test_there_is_only_one_first_run():
    prepare_credentials()
    mark_shown()
    shown = FirstRun.objects.get().shown_at
    mark_shown()
    assert FirstRun.objects.get().shown_at == shown


def test_the_banner_holds_what_is_pasted_into_the_clients():
    text = first_banner(URL, Path("/srv/atlas"), CREDENTIALS, [Played("waits for you", "request_extension", "evt_1")])
    line = f'claude mcp add --transport sse atlas {URL}/mcp/sse --header "Authorization: Bearer atlas_agt_y"'
    assert line in text.splitlines()
    blocks = re.findall(r"^\{\n.*?^\}$", text, re.DOTALL | re.MULTILINE)
    cursor, desktop = (json.loads(block)["mcpServers"]["atlas"] for block in blocks)
    assert cursor == {"url": f"{URL}/mcp/sse", "headers": {"Authorization": "Bearer atlas_agt_y"}}
    assert desktop["args"] == ["/srv/atlas/manage.py", "mcp_stdio"]
    assert desktop["env"] == {"ATLAS_GATEWAY_URL": URL, "ATLAS_AGENT_TOKEN": "atlas_agt_y"}
    assert "evt_1" in text


def test_the_banner_says_when_the_example_calls_failed():
    text = first_banner(URL, Path("/x"), CREDENTIALS, [], "check_payment_status answered: no")
    assert "not all played: check_payment_status answered: no" in text
    assert "pass-word" in text


def test_the_later_banner_tells_how_to_get_new_secrets():
    text = later_banner(URL, 2)
    assert "2 waiting for a decision" in text
    assert "issue_agent_token demo-agent" in text


@pytest.fixture
def site(settings, tmp_path):
    """One stylesheet to collect."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "page.css").write_text("body { margin: 0 }")
    settings.STATICFILES_DIRS, settings.STATIC_ROOT = [source], tmp_path / "collected"
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    return source


def test_static_files_are_collected_once(site, settings):
    said = []
    prepare.collect_when_needed(said.append)
    prepare.collect_when_needed(said.append)
    assert said == ["Collecting static files …"]
    assert (settings.STATIC_ROOT / "page.css").exists()


def test_a_changed_or_new_static_file_is_collected_again(site, settings):
    said = []
    prepare.collect_when_needed(said.append)
    (site / "page.css").write_text("body { margin: 1px }")
    prepare.collect_when_needed(said.append)
    (site / "other.css").write_text("")
    prepare.collect_when_needed(said.append)
    assert len(said) == 3
    assert "1px" in (settings.STATIC_ROOT / "page.css").read_text()


def test_an_interrupted_collection_is_done_again(site, settings, monkeypatch):
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    said = []
    prepare.collect_when_needed(said.append)
    (site / "other.css").write_text("")
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "call_command", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare.collect_when_needed(said.append)
    (site / "other.css").unlink()  # back to what was collected before: still not trusted
    prepare.collect_when_needed(said.append)
    assert len(said) == 3


@pytest.mark.django_db
def test_a_database_that_is_up_to_date_is_not_migrated():
    said = []
    prepare.migrate_when_needed(said.append)
    assert said == []
