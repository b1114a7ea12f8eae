"""manage.py import_mcp_config: a client's file in, tool servers and the client's new file out."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from governance.actions.tool_servers import secrets_of
from governance.models import AgentToken, Tool, ToolServer
from tests.factories import make_agent, make_team
from tests.mcp_bridge.downstream.everything import TOOLS, Everything
from tests.mcp_bridge.downstream.served import serving

pytestmark = pytest.mark.django_db(transaction=True)

EVERYTHING = {
    "command": sys.executable, "args": ["-m", "tests.mcp_bridge.downstream.everything"], "cwd": str(settings.BASE_DIR),
}


class Run:
    """One run of the command over a file with these servers."""

    def __init__(self, folder: Path, servers: dict[str, Any], *arguments: str, **others: Any) -> None:
        path = folder / "servers.json"
        path.write_text(json.dumps({"mcpServers": servers, **others}))
        out, err = io.StringIO(), io.StringIO()
        self.error = ""
        try:
            call_command("import_mcp_config", str(path), *arguments, stdout=out, stderr=err)
        except CommandError as error:
            self.error = str(error)
        self.out, self.said = out.getvalue(), err.getvalue()

    @property
    def printed(self) -> Any:
        return json.loads(self.out)


def test_the_servers_are_added_and_the_new_file_names_the_gateway_alone(tmp_path):
    with serving(Everything(), "http") as url:
        done = Run(tmp_path, {"Local": {**EVERYTHING, "autoApprove": []}, "remote": {"url": url}}, theme="dark")
    assert done.error == ""
    assert list(ToolServer.objects.order_by("slug").values_list("slug", "kind", "name")) == [
        ("local", "stdio", "Local"), ("remote", "http", "remote"),
    ]
    assert done.printed["theme"] == "dark"
    assert done.printed["mcpServers"]["atlas"]["url"] == f"{settings.PUBLIC_URL}/mcp"
    assert list(done.printed["mcpServers"]) == ["atlas"]
    assert "Local: added as local (stdio).\n  Not used by the gateway: autoApprove." in done.said
    assert done.said.count("  waits     remote__") == len(TOOLS)


def test_accept_accepts_what_is_offered_now(tmp_path):
    Run(tmp_path, {"every": EVERYTHING}, "--accept")
    assert Tool.objects.filter(server__slug="every").offered().count() == len(TOOLS)


def test_an_agents_new_token_can_be_put_into_the_file(tmp_path):
    agent = make_agent("clerk")
    done = Run(tmp_path, {"every": EVERYTHING}, "--agent", "clerk", "--team", agent.team.slug)
    env = done.printed["mcpServers"]["atlas"]["env"]
    assert AgentToken.objects.usable(env["ATLAS_AGENT_TOKEN"]).get().agent == agent
    assert Path(done.printed["mcpServers"]["atlas"]["args"][0]).name == "manage.py"


def test_secrets_are_sealed_and_said_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "t0ps3cret")
    with serving(Everything(), "http") as url:
        done = Run(tmp_path, {"remote": {"url": url, "headers": {"Authorization": "Bearer ${env:A_TOKEN}"}}})
    assert secrets_of(ToolServer.objects.get())[0] == {"Authorization": "Bearer t0ps3cret"}
    assert "t0ps3cret" not in done.out + done.said + done.error


def test_one_bad_server_is_named_and_the_others_are_taken_over(tmp_path):
    servers = {
        "every": EVERYTHING, "odd": {}, "needs": {"command": "x", "env": {"A": "${NOT_SET_ANYWHERE}"}},
        "open": {"command": "x", "args": ["--api-key", "t0ps3cret"]},
    }
    done = Run(tmp_path, servers)
    assert done.error == "Not taken over: odd, needs, open. The new configuration does not have them."
    assert "odd: not taken over, it has neither a url nor a command." in done.said
    assert "needs the environment variable NOT_SET_ANYWHERE" in done.said
    assert "'--api-key'" in done.said and "t0ps3cret" not in done.said + done.out
    assert list(ToolServer.objects.values_list("slug", flat=True)) == ["every"]
    assert list(done.printed["mcpServers"]) == ["atlas"]


def test_a_server_that_is_down_is_added_and_said(tmp_path):
    done = Run(tmp_path, {"gone": {"url": "http://127.0.0.1:9/mcp"}, "every": EVERYTHING})
    assert done.error == ""
    assert "gone: added as gone (http).\n  Its tools could not be read:" in done.said
    assert done.said.count("  waits     every__") == len(TOOLS)


def test_it_can_be_repeated(tmp_path):
    Run(tmp_path, {"every": EVERYTHING})
    done = Run(tmp_path, {"every": EVERYTHING}, "--accept")
    assert done.error == "" and "every: is there already, as every;" in done.said
    assert done.said.count("  accepted  every__") == len(TOOLS)
    assert ToolServer.objects.count() == 1


def test_a_name_that_another_server_has_is_refused(tmp_path):
    Run(tmp_path, {"every": {"url": "http://127.0.0.1:9/mcp"}})
    done = Run(tmp_path, {"every": EVERYTHING})
    assert "already a tool server every" in done.said and done.error.startswith("Not taken over: every.")


def test_what_is_switched_off_or_is_the_gateway_is_left_out(tmp_path):
    servers = {"off": {**EVERYTHING, "disabled": True}, "atlas": {"url": f"{settings.PUBLIC_URL}/mcp"}}
    done = Run(tmp_path, servers)
    assert done.error == "" and not ToolServer.objects.exists()
    assert "atlas: is this gateway." in done.said and "off: left out" in done.said


def test_only_the_named_servers_are_taken(tmp_path):
    done = Run(tmp_path, {"every": EVERYTHING, "odd": {}, "other": EVERYTHING}, "--only", "every")
    assert done.error == "" and list(ToolServer.objects.values_list("slug", flat=True)) == ["every"]


@pytest.mark.parametrize("arguments, why", [
    (["--only", "nobody"], "no server nobody"),
    (["--agent", "nobody"], "no agent named nobody"),
    (["--team", "nobody"], "no team"),
])
def test_what_does_not_exist_is_said_before_anything_is_added(tmp_path, arguments, why):
    make_team()
    done = Run(tmp_path, {"every": EVERYTHING}, *arguments)
    assert why in done.error and done.out == "" and not ToolServer.objects.exists()


@pytest.mark.parametrize("content, why", [(b"{", "not JSON"), (b"\xff\xfe", "not UTF-8"), (None, "cannot be read")])
def test_a_file_that_cannot_be_read_is_said(tmp_path, content, why):
    path = tmp_path / "servers.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=why):
        call_command("import_mcp_config", str(path), stdout=io.StringIO())
