"""The servers in a client's configuration, and the configuration that points at the gateway."""

import json
import subprocess
import sys
from contextlib import suppress

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from mcp_bridge.config_import import (
    MAX_BYTES,
    MAX_SERVERS,
    Client,
    Config,
    Gateway,
    InvalidConfig,
    parse_config,
    points_at,
    replacement,
)
from tests.gateway import clean_env

GATEWAY = Gateway("https://atlas.example.org/", "/opt/atlas/.venv/bin/python", "/opt/atlas/manage.py")


def read(servers: object, key: str = "mcpServers", environ: dict[str, str] | None = None, **others: object) -> Config:
    return parse_config(json.dumps({key: servers, **others}), environ or {})


def one(body: object, **environ: str):
    config = read({"it": body}, environ=environ)
    assert config.problems == ()
    return config.servers[0]


def reason(body: object, **environ: str) -> str:
    config = read({"it": body, "other": {"command": "x"}}, environ=environ)
    assert [server.name for server in config.servers] == ["other"]  # one bad server does not take the others along
    (problem,) = config.problems
    assert problem.server == "it"
    return problem.reason


# -- what clients write ----------------------------------------------------------------------


def test_claude_desktop():
    args = ["-y", "@modelcontextprotocol/server-filesystem", "/data"]
    server = one({"command": "npx", "args": args, "env": {"A": "b"}})
    assert (server.kind, server.command, server.env) == ("stdio", "npx", {"A": "b"})
    assert server.args == tuple(args)


@pytest.mark.parametrize("said, kind", [
    ("http", "http"), ("sse", "sse"), ("streamable-http", "http"), ("HTTP", "http"),
])
def test_claude_code_says_the_type(said, kind):
    server = one({"type": said, "url": "https://a.example/mcp", "headers": {"X-Team": "one"}})
    assert (server.kind, server.url, server.headers) == (kind, "https://a.example/mcp", {"X-Team": "one"})


@pytest.mark.parametrize("field", ["url", "serverUrl", "httpUrl"])
@pytest.mark.parametrize("url, kind", [("https://a.example/mcp", "http"), ("https://a.example/sse?x=1", "sse")])
def test_cursor_and_others_give_a_url_only(field, url, kind):
    server = one({field: url})
    assert (server.kind, server.url) == (kind, url)


def test_vs_code_has_servers_comments_and_last_commas():
    text = """\ufeff{ // the team's
      "servers": {
        "docs": {"type": "http", "url": "https://a.example/mcp", /* no "key" yet */ },
      },
    }"""
    config = parse_config(text, {})
    assert config.client == Client.VSCODE
    assert config.servers[0].url == "https://a.example/mcp"


def test_a_server_that_is_switched_off_says_so():
    assert one({"command": "x", "disabled": True}).disabled
    assert one({"command": "x", "enabled": False}).disabled
    assert not one({"command": "x", "disabled": False}).disabled


def test_what_the_gateway_has_no_use_for_is_named():
    assert one({"command": "x", "autoApprove": ["y"], "headers": {}}).ignored == ("autoApprove", "headers")
    assert one({"url": "https://a.example", "env": {}, "timeout": 5}).ignored == ("env", "timeout")


def test_numbers_in_the_environment_become_texts():
    assert one({"command": "x", "env": {"PORT": 8080, "ON": True}}).env == {"PORT": "8080", "ON": "true"}


def test_slugs_are_short_and_unique():
    config = read({"My Files!": {"command": "x"}, "my-files": {"command": "y"}, "f" * 80: {"command": "z"}})
    assert [server.slug for server in config.servers] == ["my-files", "my-files-2", "f" * 40]


# -- placeholders ----------------------------------------------------------------------------


@pytest.mark.parametrize("written, full", [
    ("Bearer ${TOKEN}", "Bearer t0p"), ("Bearer ${env:TOKEN}", "Bearer t0p"), ("${NONE:-anon}", "anon"),
    ("${EMPTY:-anon}", "anon"), ("${NONE:-}", ""), ("${EMPTY}", ""), ("$TOKEN", "$TOKEN"),
    ("${TOKEN}${TOKEN}", "t0pt0p"),
])
def test_placeholders_are_filled_in_from_the_environment(written, full):
    server = one({"url": "https://a.example", "headers": {"Authorization": written}}, TOKEN="t0p", EMPTY="")
    assert server.headers == {"Authorization": full}


def test_a_value_is_filled_in_once():
    assert one({"command": "${A}"}, A="${B}", B="x").command == "${B}"


@pytest.mark.parametrize("field, body", [
    ("url", {"url": "https://a.example/${MISSING}"}),
    ("headers 'X'", {"url": "https://a.example", "headers": {"X": "${MISSING}"}}),
    ("command", {"command": "${MISSING}"}),
    ("args", {"command": "x", "args": ["${env:MISSING}"]}),
    ("env 'A'", {"command": "x", "env": {"A": "${MISSING}"}}),
    ("cwd", {"command": "x", "cwd": "${MISSING}"}),
])
def test_a_variable_that_is_not_set_is_named(field, body):
    assert reason(body) == f"its {field} needs the environment variable MISSING, which is not set"


@pytest.mark.parametrize("inside", ["input:api-key", "workspaceFolder", "command:pick", "/", "not a name"])
def test_a_placeholder_that_only_the_client_knows_is_refused(inside):
    assert f"${{{inside}}}" in reason({"command": "x", "args": [f"${{{inside}}}"]}, workspaceFolder="/x")


def test_a_variable_of_the_servers_own_environment_stays_for_its_program():
    body = {
        "command": "npx", "args": ["mcp-remote", "https://a.example/sse", "--header", "Authorization:${AUTH}"],
        "env": {"AUTH": "Bearer ${TOKEN}"},
    }
    server = one(body, TOKEN="t0p", AUTH="of somebody else")
    assert server.args[-1] == "Authorization:${AUTH}" and server.env == {"AUTH": "Bearer t0p"}
    assert server.exposed == ()


# -- problems --------------------------------------------------------------------------------


@pytest.mark.parametrize("body, why", [
    ("npx x", "not an object"),
    ({}, "neither a url nor a command"),
    ({"type": "stdio"}, "no command"),
    ({"type": "http"}, "no url"),
    ({"type": "ws", "url": "wss://a.example"}, "'ws' is none of http, sse and stdio"),
    ({"url": "https://a.example", "command": "x"}, "both a url and a command"),
    ({"url": "ftp://a.example"}, "no address"),
    ({"url": "https://"}, "no address"),
    ({"url": "https://a.example:99999"}, "no address"),
    ({"url": "https://a.example/\nx"}, "no address"),
    ({"url": 7}, "no address"),
    ({"url": ["https://a.example"]}, "not a text"),
    ({"url": "https://a.example/" + "x" * 1000}, "more than 1,000 characters"),
    ({"url": "https://a.example", "headers": {"A B": "x"}}, "not a header of HTTP"),
    ({"url": "https://a.example", "headers": {"A": "x\r\nB: y"}}, "not a header of HTTP"),
    ({"url": "https://a.example", "headers": ["A"]}, "headers are not an object"),
    ({"url": "https://a.example", "headers": {"A": None}}, "not a text"),
    ({"url": "https://a.example", "oauth": {"clientId": "x"}}, "OAuth"),
    ({"command": "x", "envFile": "${workspaceFolder}/.env"}, "envFile"),
    ({"command": "x", "args": "-y"}, "args are not a list"),
    ({"command": "x", "args": ["a"] * 1000}, "args are not a list of at most"),
    ({"command": "x", "args": ["\ud800"]}, "not a text"),
    ({"command": "x\0"}, "no command can have"),
    ({"command": "x", "env": {"A=B": "c"}}, "no variable can have"),
    ({"command": "x", "env": {"A": "c" * 20_000}}, "more than 16,384 characters"),
])
def test_what_is_wrong_with_a_server_is_said(body, why):
    assert why in reason(body)


def test_a_name_without_letters_is_a_problem_and_shown_as_it_is():
    config = read({"\u202e": {"command": "x"}})
    assert config.problems[0].server == "\\u202e"


@pytest.mark.parametrize("text, why", [
    ("", "not JSON"), ("{", "not JSON"), ("[]", "not an object"), ("{}", "no servers"),
    ('{"mcpServers": []}', "no servers"),
    ('{"mcpServers": {"a": {}, "a": {}}}', "'a' stands twice"),
    ('{"mcpServers": ' + "[" * 200_000, "too deep"),
    ('{"mcpServers": ' + "1" * 5_000 + "}", "not JSON"),
    ('{"x": "' + "x" * MAX_BYTES + '"}', "larger than"),
    (json.dumps({"mcpServers": {str(number): {} for number in range(MAX_SERVERS + 1)}}), "the limit is 100"),
])
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(text, why):
    with pytest.raises(InvalidConfig, match=why):
        parse_config(text, {})


# -- secrets ---------------------------------------------------------------------------------


def test_secrets_are_not_in_the_repr():
    config = read({
        "a": {"url": "https://a.example/?key=t0ps3cret", "headers": {"Authorization": "t0ps3cret"}},
        "b": {"command": "x", "args": ["t0ps3cret"], "env": {"KEY": "t0ps3cret"}},
    })
    assert len(config.servers) == 2 and "t0ps3cret" not in repr(config)


@pytest.mark.parametrize("body, named", [
    ({"url": "https://user:t0p@a.example/"}, "user name"),
    ({"url": "https://a.example/?apiKey=t0p"}, "'apiKey'"),
    ({"url": "https://a.example/${A_TOKEN}/mcp"}, "A_TOKEN"),
    ({"url": "https://a.example/s/sk-abcdefgh12345678"}, "in the path"),
    ({"command": "x", "args": ["--api-key", "t0p"]}, "'--api-key'"),
    ({"command": "x", "args": ["--token=t0p"]}, "'--token'"),
    ({"command": "x", "args": ["--header", "X-Api-Key: t0p"]}, "'X-Api-Key'"),
    ({"command": "x", "args": ["ghp_abcdefgh12345678"]}, "argument 1"),
    ({"command": "x", "args": ["-p", "${A_TOKEN}"]}, "A_TOKEN"),
])
def test_what_looks_like_a_secret_in_an_open_place_is_named_without_its_value(body, named):
    (exposed,) = one(body, A_TOKEN="t0p").exposed
    assert named in exposed and "t0p" not in exposed and "sk-" not in exposed


@pytest.mark.parametrize("body", [
    {"url": "https://a.example/mcp?team=one&max_tokens=5"},
    {"command": "npx", "args": ["-y", "@scope/server-tokens", "--max-tokens", "100", "--token-file", "/t",
                               "--key-path=/k"]},
    {"command": "uvx", "args": ["mcp-server-git", "--repository", "${HOME}/code"]},
    {"command": "docker", "args": ["run", "-e", "GITHUB_TOKEN", "--token", "--verbose"]},
])
def test_ordinary_addresses_and_arguments_are_left_alone(body):
    assert one(body, HOME="/home/a").exposed == ()


# -- the replacement -------------------------------------------------------------------------


def replaced(config: Config, **options: object) -> dict:
    return json.loads(replacement(config, GATEWAY, **options))


def test_claude_code_gets_a_url_and_its_form_of_placeholder():
    config = read({"a": {"type": "http", "url": "https://a.example"}})
    assert replaced(config)["mcpServers"] == {"atlas": {
        "type": "http", "url": "https://atlas.example.org/mcp",
        "headers": {"Authorization": "Bearer ${ATLAS_AGENT_TOKEN}"},
    }}


def test_cursor_gets_a_url_and_its_form_of_placeholder():
    config = read({"a": {"url": "https://a.example"}, "b": {"command": "x"}})
    assert replaced(config)["mcpServers"] == {"atlas": {
        "url": "https://atlas.example.org/mcp", "headers": {"Authorization": "Bearer ${env:ATLAS_AGENT_TOKEN}"},
    }}


def test_claude_desktop_gets_a_bridge_that_it_can_start():
    atlas = replaced(read({"a": {"command": "x"}}), token="atlas_agt_1")["mcpServers"]["atlas"]
    assert atlas == {
        "command": "/opt/atlas/.venv/bin/python", "args": ["/opt/atlas/manage.py", "mcp_stdio"],
        "env": {"ATLAS_GATEWAY_URL": "https://atlas.example.org", "ATLAS_AGENT_TOKEN": "atlas_agt_1"},
    }


def test_vs_code_asks_for_the_token():
    config = read({"a": {"type": "stdio", "command": "x"}}, "servers", inputs=[{"id": "old"}])
    document = replaced(config)
    assert document["servers"]["atlas"]["headers"] == {"Authorization": "Bearer ${input:atlas-agent-token}"}
    assert [entry["id"] for entry in document["inputs"]] == ["old", "atlas-agent-token"]


@pytest.mark.parametrize("client", Client)
def test_every_client_can_be_given_the_token_itself(client):
    text = replacement(read({"a": {"command": "x"}}), GATEWAY, token="atlas_agt_1", client=client)
    assert text.count("atlas_agt_1") == 1 and "${" not in text


def test_what_else_stands_in_the_file_is_kept_in_its_order():
    document = replaced(read({"a": {"command": "x"}}, theme="dark", half="\ud800"))
    assert list(document) == ["mcpServers", "theme", "half"]
    assert document["half"] == "\ud800"


@pytest.mark.parametrize("client", Client)
def test_the_replacement_itself_is_known_as_the_gateway(client):
    config = parse_config(replacement(read({"a": {"command": "x"}}), GATEWAY, token="t", client=client), {})
    assert config.problems == () and [points_at(server, GATEWAY.url) for server in config.servers] == [True]


def test_another_server_is_not_taken_for_the_gateway():
    config = read({"a": {"url": "https://atlas.example.org.evil.example/mcp"}, "b": {"command": "x"}})
    assert not any(points_at(server, GATEWAY.url) for server in config.servers)


# -- anything --------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6,
)
_FIELDS = st.sampled_from(["type", "url", "command", "args", "env", "headers", "cwd", "disabled", "auth", "serverUrl"])
_USUAL = st.sampled_from(["http", "https://a.example/${A}", ["${A:-b}"], {"A": "${B}"}])
_BODIES = st.dictionaries(_FIELDS, _JSON | _USUAL)


@given(st.dictionaries(st.text(alphabet=st.characters(), max_size=8), _BODIES, max_size=4))
def test_every_server_is_either_read_or_a_problem(servers):
    config = parse_config(json.dumps({"mcpServers": servers}), {"A": "x"})
    assert len(config.servers) + len(config.problems) == len(servers)
    assert len({server.slug for server in config.servers}) == len(config.servers)
    for problem in config.problems:
        f"{problem.server} {problem.reason}".encode()
    replacement(config, GATEWAY).encode()


@given(st.text(alphabet='{}[]",:/*\\\n a', max_size=60))
def test_no_text_makes_it_fail_otherwise(text):
    with suppress(InvalidConfig):
        parse_config(text, {})


_REPEATED = """
from mcp_bridge.config_import import InvalidConfig, parse_config
for piece in ('"', '\\\\"', '/*', '//', '/* "', ',', ', ', '"\\\\', '{"', '/', '*', '${', '"a": "${'):
    try:
        parse_config('{"mcpServers": {"a": ' + piece * 500_000, {})
    except InvalidConfig:
        continue
    raise SystemExit(piece)
"""


def test_no_repetition_makes_it_hang():
    subprocess.run([sys.executable, "-c", _REPEATED], check=True, timeout=300, cwd=settings.BASE_DIR, env=clean_env())
