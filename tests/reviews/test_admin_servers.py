"""Tool servers in the admin: added and changed by superusers, secrets written and never read, tools read."""

import json

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from governance import actions
from governance.actions.tool_servers import secrets_of
from governance.errors import DownstreamFailed
from governance.models import EvidenceEntry, Role, Team, Tool, ToolServer, User
from tests.definitions import defined, make_server, offer
from tests.factories import make_reviewer, make_team, make_tool

pytestmark = pytest.mark.django_db

LIST = "/admin/governance/toolserver/"
ADD = f"{LIST}add/"
SECRET = "s3cret-value-that-nobody-reads"


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def member(role: Role, **fields: object) -> Client:
    return client_of(make_reviewer(role=role, is_staff=True, **fields))


def page_of(server: ToolServer, act: str = "change") -> str:
    return f"{LIST}{server.pk}/{act}/"


def said(answer: object) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


@pytest.fixture
def boss() -> Client:
    return client_of(User.objects.create_superuser("boss", password="x"))


@pytest.fixture
def server() -> ToolServer:
    return make_server(headers={"Authorization": f"Bearer {SECRET}", "X-Desk": SECRET})


def form(**fields: object) -> dict[str, object]:
    return {
        "name": "GitHub", "slug": "github", "team": Team.objects.default().pk, "kind": "http", "enabled": "on",
        "url": "http://127.0.0.1:9/mcp", "command": "", "args": "[]", "initial-args": "[]", "cwd": "",
        "timeout_seconds": "", "max_result_bytes": 1048576, "allowed_resources": "", "allowed_prompts": "",
        "headers": "", "env": "", **fields,
    }


def errors_of(answer: object) -> str:
    assert answer.status_code == 200
    return str(answer.context["adminform"].form.errors)


# -- adding ----------------------------------------------------------------------------------


def test_a_superuser_adds_a_server_with_its_headers_and_evidence(boss):
    answer = boss.post(ADD, form(headers=f"Authorization: Bearer {SECRET}\nX-Desk: {SECRET}"))
    server = ToolServer.objects.get(slug="github")
    assert answer.status_code == 302 and answer.url == page_of(server)
    assert secrets_of(server) == ({"Authorization": f"Bearer {SECRET}", "X-Desk": SECRET}, {})
    entry = EvidenceEntry.objects.latest("id")
    assert "tool server added" in entry.payload and entry.actor == "reviewer:boss" and SECRET not in entry.payload


def test_a_program_gets_its_arguments_and_environment(boss):
    boss.post(ADD, form(kind="stdio", url="", command="/bin/cat", args='["-u"]', env=f"API_KEY={SECRET}=="))
    server = ToolServer.objects.get(slug="github")
    assert (server.command, server.args) == ("/bin/cat", ["-u"])
    assert secrets_of(server) == ({}, {"API_KEY": f"{SECRET}=="})


@pytest.mark.parametrize(("fields", "problem"), [
    ({"url": ""}, "needs a url"), ({"url": "ftp://example.org/"}, "needs a url"),
    ({"url": "https://user:pass@example.org/"}, "put them into a header"),
    ({"kind": "stdio", "url": "", "command": ""}, "needs a command"), ({"kind": "welfare"}, "not one of"),
    ({"kind": "stdio", "url": "", "command": "x", "args": '{"a": 1}'}, "list of strings"),
    ({"headers": "no colon here"}, "Line 1"), ({"headers": "A: 1\nB: 2\na: 3"}, "Line 3"),
    ({"headers": "A: x\u200by"}, "Line 1"), ({"env": "=x"}, "Line 1"), ({"slug": "--"}, "hyphens"),
    ({"max_result_bytes": "-1"}, "greater than or equal"),
])
def test_what_cannot_work_is_said_at_the_form(boss, fields, problem):
    assert problem in errors_of(boss.post(ADD, form(**fields)))
    assert not ToolServer.objects.exists()


def test_a_taken_short_name_is_said_at_the_form(boss, server):
    assert "already exists" in errors_of(boss.post(ADD, form()))
    assert ToolServer.objects.count() == 1


def test_a_secret_is_in_no_answer_when_the_form_comes_back(boss):
    answer = boss.post(ADD, form(url="", headers=f"A: {SECRET}\nbroken {SECRET}", env=f"broken {SECRET}"))
    assert errors_of(answer) and SECRET not in answer.content.decode()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER, Role.OPERATOR, Role.ADMIN])
def test_nobody_else_adds_or_changes_a_server(server, role):
    client = member(role)
    assert client.get(ADD).status_code == 403 and client.post(ADD, form(slug="more")).status_code == 403
    assert client.post(page_of(server), form(url="http://evil.example/")).status_code == 403
    server.refresh_from_db()
    assert server.url == "http://127.0.0.1:9/mcp"


# -- secrets ---------------------------------------------------------------------------------


def test_no_page_shows_a_stored_value(boss, server):
    offer(server, defined())
    for client in (boss, member(Role.ADMIN)):
        for page in (LIST, page_of(server), page_of(server, "history"), page_of(server, "halt"), "/admin/"):
            answer = client.get(page)
            content = answer.content.decode()
            assert SECRET not in content and server.sealed not in content, page
    assert "Authorization, X-Desk" in boss.get(page_of(server)).content.decode()


def test_nothing_typed_keeps_what_is_stored(boss, server):
    before = server.sealed
    assert boss.post(page_of(server), form(name="Renamed")).status_code == 302
    server.refresh_from_db()
    assert server.name == "Renamed" and server.sealed == before


def test_one_value_is_replaced_one_removed_and_one_kept(boss):
    server = make_server(headers={"Keep": "1", "Replace": "2", "Remove": "3"})
    boss.post(page_of(server), form(headers="replace: new", remove_headers=["Remove"]))
    server.refresh_from_db()
    assert secrets_of(server)[0] == {"Keep": "1", "replace": "new"}
    entry = EvidenceEntry.objects.filter(payload__contains="secrets replaced").get()
    assert json.loads(entry.payload)["headers"] == ["Keep", "replace"]


@pytest.mark.parametrize("change", [
    {"url": "http://evil.example/mcp"}, {"url": "https://127.0.0.1:9/mcp"}, {"url": "http://127.0.0.1:10/mcp"},
    {"kind": "sse"}, {"kind": "stdio", "command": "/bin/cat"},
])
def test_stored_values_do_not_follow_the_server_to_another_place(boss, server, change):
    assert "type Authorization, X-Desk again" in errors_of(boss.post(page_of(server), form(**change)))
    server.refresh_from_db()
    assert server.url == "http://127.0.0.1:9/mcp"


def test_the_values_typed_again_go_to_the_new_place(boss, server):
    typed = {"headers": "Authorization: new", "remove_headers": ["X-Desk"]}
    boss.post(page_of(server), form(url="http://elsewhere.example/", **typed))
    server.refresh_from_db()
    assert server.url == "http://elsewhere.example/" and secrets_of(server)[0] == {"Authorization": "new"}


def test_values_that_no_key_opens_are_said_and_typed_anew(boss, server, settings):
    ToolServer.objects.filter(pk=server.pk).update(sealed="v1:nonsense")
    assert "cannot be opened" in boss.get(page_of(server)).content.decode()
    boss.post(page_of(server), form(headers="Authorization: new"))
    server.refresh_from_db()
    assert secrets_of(server)[0] == {"Authorization": "new"}


# -- changing --------------------------------------------------------------------------------


def test_a_change_leaves_evidence_and_moves_the_generation(boss, server):
    before = Team.objects.default().generation
    boss.post(page_of(server), form(name=server.name, timeout_seconds="5"))
    assert '"fields":["timeout_seconds"]' in EvidenceEntry.objects.latest("id").payload
    assert Team.objects.default().generation > before


def test_an_edit_does_not_undo_a_halt_that_came_in_between(boss, server, monkeypatch):
    """The form's row was read before the halt; only what was edited is written."""
    from reviews.admin.servers import ToolServerAdmin

    def halted_meanwhile(self, request, obj, form, change):
        ToolServer.objects.filter(pk=obj.pk).update(halted_reason="Meanwhile.", sealed="")
        return original(self, request, obj, form, change)

    original = ToolServerAdmin.save_model
    monkeypatch.setattr(ToolServerAdmin, "save_model", halted_meanwhile)
    boss.post(page_of(server), form(name="Renamed"))
    server.refresh_from_db()
    assert (server.name, server.halted_reason, server.sealed) == ("Renamed", "Meanwhile.", "")


def test_the_built_in_server_is_switched_off_and_stays_what_it_is(boss):
    server = make_tool().server
    boss.post(page_of(server), form(name="Welfare", enabled="", kind="http", url="http://evil.example/"))
    server.refresh_from_db()
    assert (server.name, server.enabled, server.kind, server.url) == ("Welfare", False, "welfare", "")


def test_a_server_is_not_deleted(boss, server):
    assert boss.post(page_of(server, "delete"), {"post": "yes"}).status_code == 403


# -- reading its tools -----------------------------------------------------------------------


@pytest.fixture
def scripted(server, settings):
    settings.TOOL_SERVERS = {**settings.TOOL_SERVERS, "http": "tests.toolservers.Scripted"}
    return server


def test_its_tools_are_read_on_request_and_wait(scripted):
    client, page = member(Role.OPERATOR), page_of(scripted, "read-tools")
    assert client.get(page).status_code == 200 and not Tool.objects.exists()
    answer = client.post(page)
    assert "offers 1 tool; 1 to accept" in said(answer)
    assert Tool.objects.get().is_quarantined


def test_why_it_cannot_be_asked_is_said_and_stays_to_be_seen(server, boss, monkeypatch):
    class Down:
        def list_tools(self) -> list:
            raise DownstreamFailed("Connection refused.")

    monkeypatch.setattr("governance.actions.tool_servers.backend_of", lambda _: Down())
    assert "Connection refused." in said(boss.post(page_of(server, "read-tools")))
    assert "Connection refused." in boss.get(LIST).content.decode()


def test_a_viewer_and_another_team_do_not_read_tools(scripted):
    for client in (member(Role.VIEWER), member(Role.ADMIN, team=make_team("Elsewhere"))):
        assert client.post(page_of(scripted, "read-tools")).status_code == 403
    assert not Tool.objects.exists()


def test_the_list_says_how_each_server_is(boss, server):
    offer(server, defined())
    actions.halt(make_server("mail"), reason="It floods.")
    page = boss.get(LIST).content.decode()
    assert "It floods." in page and f"?server={server.pk}" in page
    for word in ("Halted", "Up"):
        assert word in page


def test_another_teams_servers_are_in_no_list_and_have_no_page(server):
    client = member(Role.ADMIN, team=make_team("Elsewhere"))
    assert server.name not in client.get(LIST).content.decode()
    assert client.get(page_of(server)).status_code == 302
