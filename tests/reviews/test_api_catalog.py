"""REST: tools, tool servers, teams and policies as a member of their team reads them."""

import pytest

from governance import actions
from governance.models import PolicyVersion, Team, Tool, ToolServer
from governance.toolservers import ToolDefinition
from tests.factories import DIGEST, make_agent, make_reviewer, make_team, make_tool
from tests.reviews.rest import error_of

pytestmark = pytest.mark.django_db

READ = ToolDefinition("read", "Reads a file.", {"type": "object"}, annotations={"readOnlyHint": True})
POLICY = "version: 1\nrules:\n  - {name: reads, effect: allow, when: {tool: 'read*'}}\n"
LISTS = ("tools", "tool-servers", "teams", "policies", "definitions")


def add_server(slug="files", *, team=None, url="https://files.example/mcp", **fields):
    return actions.add_tool_server(slug=slug, kind="http", url=url, team=team, **fields)


def rows(response):
    assert response.status_code == 200, response.content
    return response.json()["results"]


# -- tools -----------------------------------------------------------------------------------


def test_a_tool_tells_what_it_is_and_that_it_is_available(call):
    (tool,) = actions.sync_tools(add_server(), [READ])
    tool = actions.accept_definition(tool.versions.get())
    (row,) = rows(call("GET", "/api/tools/"))
    assert row == {
        "id": tool.pk, "exposed_name": "files__read", "name": "read", "title": "", "server": "files",
        "team": "default", "is_available": True, "why_not_available": "", "is_quarantined": False,
        "digest": tool.digest, "offered_digest": tool.digest, "withdrawn_at": None, "is_halted": False,
        "halted_at": None, "halted_reason": "",
    }
    detail = call("GET", f"/api/tools/{tool.pk}/").json()
    assert detail == {
        **row, "description": "Reads a file.", "input_schema": {"type": "object"}, "output_schema": None,
        "annotations": {"readOnlyHint": True}, "preview": {}, "reversibility": "",
    }


def test_a_tool_that_nobody_can_call_says_why(call):
    (tool,) = actions.sync_tools(add_server(), [READ])
    (row,) = rows(call("GET", "/api/tools/"))
    assert row["is_quarantined"] and not row["is_available"] and "until a person accepts" in row["why_not_available"]
    actions.accept_definition(tool.versions.get())
    actions.halt(Team.objects.default(), reason="A drill.")
    (row,) = rows(call("GET", "/api/tools/"))
    assert (row["is_halted"], row["why_not_available"]) == (False, "The team Default team is halted: A drill.")
    actions.sync_tools(tool.server, [])
    assert call("GET", f"/api/tools/{tool.pk}/").json()["withdrawn_at"]


# -- tool servers ----------------------------------------------------------------------------


def test_a_tool_server_shows_neither_its_secrets_nor_where_one_may_stand(call):
    server = add_server(
        url="https://user:pass-w0rd@files.example:8443/s/path-s3cret/mcp?key=query-s3cret",
        headers={"Authorization": "Bearer header-s3cret"},
    )
    ToolServer.objects.filter(pk=server.pk).update(last_error=f"404 for {server.url} (key=query-s3cret)")
    (row,) = rows(call("GET", "/api/tool-servers/"))
    assert (row["slug"], row["kind"], row["origin"]) == ("files", "http", "https://files.example:8443")
    assert (row["has_secrets"], row["state"], row["last_error"]) == (True, "new", "404 for … (…)")
    for path in ("/api/tool-servers/", f"/api/tool-servers/{server.pk}/"):
        content = call("GET", path).content
        assert b"s3cret" not in content and b"pass-w0rd" not in content and b"sealed" not in content


def test_arguments_of_a_command_are_not_shown(call):
    actions.add_tool_server(
        slug="local", kind="stdio", command="/usr/bin/files", args=["--token", "s3cret"], env={"TOKEN": "s3cret"}
    )
    response = call("GET", "/api/tool-servers/")
    assert rows(response)[0]["origin"] == "" and b"s3cret" not in response.content


def test_one_tool_server_counts_its_tools_and_says_its_limits(call):
    server = add_server()
    tool, _, _ = actions.sync_tools(server, [READ, ToolDefinition("a", "", {}), ToolDefinition("b", "", {})])
    actions.accept_definition(tool.versions.get())
    actions.sync_tools(server, [READ, ToolDefinition("a", "", {})])
    actions.halt(server, reason="odd")
    body = call("GET", f"/api/tool-servers/{server.pk}/").json()
    assert (body["tools"], body["quarantined_tools"], body["state"]) == (2, 1, "halted")
    assert body["halted_reason"] == "odd" and body["listed_at"] and body["call_seconds"] >= 1


# -- teams and policies ----------------------------------------------------------------------


def test_a_team_tells_ones_own_role(call, sarah):
    make_team("Elsewhere")
    (row,) = rows(call("GET", "/api/teams/"))
    assert (row["slug"], row["name"], row["my_role"]) == ("default", "Default team", "reviewer")
    assert call("GET", f"/api/teams/{row['id']}/").json() == row
    root = actions.issue_api_token(make_reviewer(team=make_team("Root"), is_superuser=True))
    assert [team["my_role"] for team in rows(call("GET", "/api/teams/", by=root))] == [None, None, "reviewer"]


def test_policies_tell_who_made_them_and_which_one_decides(call, sarah):
    team = Team.objects.default()
    first = actions.save_policy(team, POLICY, note="Reads pass.", by=sarah)
    actions.activate_policy(first, by=sarah)
    actions.save_policy(team, POLICY + "# later\n")
    newer, older = rows(call("GET", "/api/policies/"))
    assert (newer["number"], newer["active"], newer["created_by"], newer["activated_at"]) == (2, False, None, None)
    assert (older["number"], older["active"], older["note"], older["team"]) == (1, True, "Reads pass.", "default")
    assert (older["created_by"], older["activated_by"], older["digest"]) == ("sarah", "sarah", first.digest)
    assert call("GET", f"/api/policies/{first.pk}/").json() == {**older, "text": POLICY}


# -- all of them -----------------------------------------------------------------------------


def fill(team, count=1):
    """So many of everything, most of it waiting for a person."""
    for number in range(count):
        server = add_server(f"files-{number}", team=team)
        actions.sync_tools(server, [READ])
        actions.save_policy(team, f"{POLICY}# {number}\n", by=make_reviewer(team=team))


@pytest.mark.parametrize("kind", LISTS)
def test_what_other_teams_own_is_in_no_list_and_at_no_address(call, kind):
    other = make_team("Elsewhere")
    fill(other)
    theirs = {
        "tools": Tool.objects.get(), "tool-servers": ToolServer.objects.get(), "teams": other,
        "policies": PolicyVersion.objects.get(), "definitions": Tool.objects.get().versions.get(),
    }[kind]
    assert theirs.pk not in [row["id"] for row in rows(call("GET", f"/api/{kind}/"))]
    assert error_of(call("GET", f"/api/{kind}/{theirs.pk}/"), 404)["code"] == "not_found"


@pytest.mark.parametrize("kind", LISTS)
def test_pages_follow_each_other_without_gap_or_repetition(call, sarah, kind):
    if kind == "teams":
        for number in range(4):
            make_team(f"T{number}").members.add(sarah)
    fill(Team.objects.default(), 5)
    seen, url = [], f"/api/{kind}/?limit=2"
    while url:
        response = call("GET", url)
        seen += [row["id"] for row in rows(response)]
        url = response.json()["next"]
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=kind == "policies")


@pytest.mark.parametrize("kind", LISTS)
def test_unknown_parameters_cursors_and_callers_are_refused(call, kind):
    assert error_of(call("GET", f"/api/{kind}/?team=x"), 400)["field"] == "team"
    assert error_of(call("GET", f"/api/{kind}/?limit=0"), 400)["field"] == "limit"
    assert error_of(call("GET", f"/api/{kind}/?cursor=W10"), 404)["code"] == "not_found"
    for by in (None, actions.issue_agent_token(make_agent())):
        assert error_of(call("GET", f"/api/{kind}/", by=by), 401)
        assert error_of(call("GET", f"/api/{kind}/1/", by=by), 401)


# Who calls, the page's keys, its rows; of teams one's roles too.
@pytest.mark.parametrize(("kind", "queries"), [(kind, 4 if kind == "teams" else 3) for kind in LISTS])
def test_a_page_of_fifty_takes_a_few_queries(call, sarah, django_assert_num_queries, kind, queries):
    team = Team.objects.default()
    if kind == "teams":
        for number in range(49):
            make_team(f"T{number}").members.add(sarah)
    elif kind == "tools":
        for number in range(50):
            make_tool(f"tool_{number}")
    else:
        fill(team, 50)
    call("GET", f"/api/{kind}/?limit=1")  # notes the use of the token, once a minute
    with django_assert_num_queries(queries):
        response = call("GET", f"/api/{kind}/")
    assert len(rows(response)) == 50


def test_tools_made_before_their_definitions_were_pinned_are_shown_too(call):
    tool = make_tool()
    assert call("GET", f"/api/tools/{tool.pk}/").json()["digest"] == DIGEST
