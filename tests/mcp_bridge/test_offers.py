"""Resources and prompts of tool servers, as far as the rules of each server allow."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway import Gateway, start_gateway
from tests.mcp_bridge.agents import WAYS, connect
from tests.mcp_bridge.downstream.served import run_app
from tests.mcp_bridge.fronting import Front, send
from tests.mcp_bridge.plain_server import PlainServer
from tests.peers.behind import add_server

RESOURCE = {"uri": "demo://shared", "name": "shared", "annotations": {"vendor": 1}, "_meta": {"k": None}}
PROMPT = {"name": "greet", "title": "Greet", "arguments": [{"name": "who", "required": True, "vendor": 1}]}


def plain(slug: str) -> PlainServer:
    server = PlainServer(modern=True, resources={}, prompts={}, completions={})
    server.answers = {
        "tools/list": {"tools": []},
        "resources/list": {"resources": [
            RESOURCE, {"uri": f"demo://{slug}", "name": slug}, {"uri": "secret://x", "name": "x"}, {"name": "no uri"},
        ]},
        "resources/templates/list": {"resourceTemplates": [{"uriTemplate": f"demo://{slug}/{{id}}", "name": slug}]},
        "resources/read": lambda params: {"contents": [
            {"uri": params["uri"], "text": slug, "vendor": [None]}], "_meta": {"k": None}},
        "prompts/list": {"prompts": [PROMPT, {"name": f"only {slug}"}, {"name": "hidden"}]},
        "prompts/get": lambda params: {"messages": [
            {"role": "user", "content": {"type": "text", "text": f"{slug} {params['arguments']}", "vendor": 1}}]},
        "completion/complete": lambda params: {"completion": {"values": [slug, json.dumps(params["ref"])]}},
    }  # fmt: skip
    return server


@pytest.fixture(scope="module")
def offering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two servers that offer the same and more, one that is down, and one that allows nothing."""
    with run_app(plain("alpha")) as alpha, run_app(plain("beta")) as beta:
        gateway = start_gateway(tmp_path_factory.mktemp("offering"))
        try:
            rules = {"allowed_resources": "demo://*", "allowed_prompts": "greet\nonly *"}
            add_server(gateway, "beta", "http", url=beta, **rules)
            add_server(gateway, "alpha", "http", url=alpha, **rules)
            add_server(gateway, "closed", "http", url=alpha)
            gateway.python(
                "from governance import actions\n"
                "actions.add_tool_server(slug='down', kind='http', url='http://127.0.0.1:9/', "
                "allowed_resources='*', allowed_prompts='*')"
            )
            yield gateway
        finally:
            gateway.close()


def ask(gateway: Gateway, method: str, **params: Any) -> dict[str, Any]:
    return send(gateway.url, gateway.agent_token, method, params)


def test_resources_are_listed_once_and_as_they_are(offering: Gateway) -> None:
    answer = ask(offering, "resources/list")["result"]
    assert answer["resources"] == [
        RESOURCE, {"uri": "demo://alpha", "name": "alpha"}, {"uri": "demo://beta", "name": "beta"}
    ]
    assert (answer["cacheScope"], answer["ttlMs"]) == ("private", 0)
    templates = ask(offering, "resources/templates/list")["result"]["resourceTemplates"]
    assert [template["uriTemplate"] for template in templates] == ["demo://alpha/{id}", "demo://beta/{id}"]


@pytest.mark.parametrize(("uri", "server"), [
    ("demo://shared", "alpha"), ("demo://beta", "beta"), ("demo://beta/7", "beta"), ("demo://nowhere", "alpha"),
])  # fmt: skip
def test_a_resource_is_read_from_the_server_that_offers_it(offering: Gateway, uri: str, server: str) -> None:
    result = ask(offering, "resources/read", uri=uri)["result"]
    assert result["contents"] == [{"uri": uri, "text": server, "vendor": [None]}]
    assert result["_meta"]["k"] is None


@pytest.mark.parametrize("uri", ["demo://a/../../etc/passwd", "demo://a/%2e%2e/x", "demo://a/%252e%252e/x"])
def test_what_no_rule_allows_is_not_found(front: Front, uri: str) -> None:
    for asked in (uri, "secret://x"):
        error = ask(front.gateway, "resources/read", uri=asked)["error"]
        assert error["code"] == -32602
        assert error["data"] == {"uri": asked}


def test_prompts_have_one_name_each_and_are_taken_from_their_server(offering: Gateway) -> None:
    prompts = {prompt["name"]: prompt for prompt in ask(offering, "prompts/list")["result"]["prompts"]}
    assert prompts["alpha__greet"] == {**PROMPT, "name": "alpha__greet"}
    assert {"alpha__greet", "beta__greet"} < prompts.keys()
    odd = [name for name in prompts if name.startswith("beta__only-beta-")]
    assert len(prompts) == 4
    taken = ask(offering, "prompts/get", name="beta__greet", arguments={"who": "Ada"})["result"]
    content = taken["messages"][0]["content"]
    assert content == {"type": "text", "text": "beta {'who': 'Ada'}", "vendor": 1}
    assert "beta" in ask(offering, "prompts/get", name=odd[0])["result"]["messages"][0]["content"]["text"]


def test_a_servers_own_name_does_while_it_is_the_only_one(offering: Gateway) -> None:
    assert "result" in ask(offering, "prompts/get", name="only alpha")
    for name in ("greet", "hidden", "alpha__hidden"):
        assert ask(offering, "prompts/get", name=name)["error"]["code"] == -32602


def test_arguments_are_completed_by_the_server_that_offers_them(offering: Gateway) -> None:
    argument = {"name": "who", "value": "A"}
    for ref, server in (
        ({"type": "ref/prompt", "name": "beta__greet"}, "beta"),
        ({"type": "ref/resource", "uri": "demo://beta/{id}"}, "beta"),
    ):
        values = ask(offering, "completion/complete", ref=ref, argument=argument)["result"]["completion"]["values"]
        assert values[0] == server
        assert "beta__" not in values[1]


def test_a_server_that_is_down_is_named_and_disturbs_nobody(offering: Gateway) -> None:
    assert len(ask(offering, "resources/list")["result"]["resources"]) == 3
    answer = ask(offering, "tools/call", name="check_status", arguments={})["result"]["structuredContent"]
    assert answer["gateway"] == "degraded"
    assert any("down" in problem for problem in answer["problems"])


def test_a_read_leaves_evidence_and_is_refused_while_the_server_is_halted(offering: Gateway) -> None:
    ask(offering, "resources/read", uri="demo://beta")
    last = offering.python(
        "from governance.models import EvidenceEntry\nprint(EvidenceEntry.objects.order_by('id').last().payload)"
    )
    assert json.loads(last) == {
        "what": "resource read", "agent": "demo-agent", "server": "beta", "name": "demo://beta"
    }
    switch = "from governance import actions\nfrom governance.models import ToolServer\n" \
        "actions.{}(ToolServer.objects.get(slug='beta'), reason='Tried.')"
    offering.python(switch.format("halt"))
    try:
        listed = ask(offering, "resources/list")["result"]["resources"]
        assert "demo://beta" not in [resource["uri"] for resource in listed]
        assert ask(offering, "resources/read", uri="demo://beta")["result"]["contents"][0]["text"] == "alpha"
    finally:
        offering.python(switch.format("resume"))


@pytest.mark.parametrize("way", WAYS)
async def test_the_sdks_client_reads_and_takes_them(front: Front, way: str) -> None:
    async with connect(front.url, way, front.token) as agent:
        listed = await agent.list_resources()
        assert [str(resource.uri) for resource in listed.resources] == ["demo://one"]
        assert (await agent.read_resource("demo://one")).contents[0].text == "first"
        assert {prompt.name for prompt in (await agent.list_prompts()).prompts} == {"careful__greet", "open__greet"}
        taken = await agent.get_prompt("open__greet", {"who": "Ada"})
        assert taken.messages[0].content.text == "Greet Ada"
