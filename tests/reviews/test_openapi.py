"""The OpenAPI document is complete, and the API does what it says: schemathesis tries it."""

import json
from datetime import timedelta

import pytest
import schemathesis
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from governance import actions
from governance.models import Agent, Heartbeat
from governance.models.decisions import Source
from governance.states import Status, Verdict
from governance.toolservers import ToolDefinition
from reviews.api_base import ApiThrottle
from tests.factories import make_request, make_reviewer

READS = {
    f"{verb}_{noun}" for verb, nouns in {
        "list": ("requests", "agents", "tools", "tool_servers", "teams", "policies", "definitions"),
        "read": ("request", "agent", "tool", "tool_server", "team", "policy", "definition", "health"),
    }.items() for noun in nouns
}
WRITES = {
    "decide_request", "accept_definition", "reject_definition", "halt", "resume", "claim_request", "hand_over_request",
    "ask_agent", "extend_request",
}
BODILESS = {"release_request", "undo_approval"}
ON_WAITING = (
    "decide_request", "claim_request", "release_request", "hand_over_request", "ask_agent", "extend_request",
)
OPERATIONS = READS | WRITES | BODILESS


def document():
    return Client().get("/api/schema", headers={"Accept": "application/json"}).json()


def operations(schema):
    return {
        operation["operationId"]: operation for path in schema["paths"].values() for operation in path.values()
    }


def test_the_document_is_valid_and_has_no_warning(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


def test_every_operation_names_every_answer():
    found = operations(document())
    assert set(found) == OPERATIONS
    for name, operation in found.items():
        wanted = {"400", "405", "429"} | ({"503"} if name == "read_health" else {"401", "403"})
        assert wanted <= set(operation["responses"]), name
        assert operation["summary"] and operation["description"]
    for name in BODILESS:
        assert {"404", "409"} <= set(found[name]["responses"]) and "requestBody" not in found[name]
    for name in WRITES:
        may_conflict = set() if name in ("halt", "resume") else {"409"}
        assert {"404", "413", "415"} | may_conflict <= set(found[name]["responses"])
        assert found[name]["requestBody"]["content"]["application/json"]["examples"]


def test_it_names_both_ways_to_authenticate():
    schemes = document()["components"]["securitySchemes"]
    assert schemes["reviewerToken"]["scheme"] == "bearer" and schemes["cookieAuth"]["in"] == "cookie"


def test_the_docs_page_has_nothing_inline_and_nothing_foreign():
    page = Client().get("/api/docs")
    content = page.content.decode()
    assert page.status_code == 200 and "unsafe" not in page["Content-Security-Policy"]
    assert "<style" not in content and "http://" not in content and "https://" not in content
    assert content.count("<script") == content.count("<script src=") == 3
    script = Client().get("/api/docs?script=")
    assert script["Content-Type"].startswith("application/javascript") and b"SwaggerUIBundle" in script.content


def check(name, headers, modes=(GenerationMode.POSITIVE, GenerationMode.NEGATIVE), known=None):
    """Tries one operation with made-up input, the same in every run; every check of schemathesis must hold.

    `known`: parameters of a path that leads somewhere, and fields of a body that does. It is tried beside made-up ones,
    and must be found.
    """
    plain = {"Accept-Encoding": "identity"}  # over WSGI, schemathesis does not unpack answers
    config = SchemathesisConfig.from_dict({"headers": {**headers, **plain}})
    schema = schemathesis.openapi.from_wsgi("/api/schema?format=json", get_wsgi_application(), config=config)
    operation = schema.find_operation_by_id(name)
    for mode in modes:
        attempt(operation.as_strategy(generation_mode=mode), None)
    if known:
        assert 200 in attempt(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), known)


def attempt(strategy, known):
    """The status codes of the answers."""
    statuses = set()

    @settings(
        max_examples=20, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate],
    )
    @given(case=strategy)
    def each(case):
        parameters = dict(known or {})
        body = parameters.pop("body", {})
        case.path_parameters.update(parameters)
        if body:
            case.body.update(body)
        statuses.add(case.call_and_validate().status_code)

    each()
    return statuses


def known_paths(sarah):
    """One of everything, and for each operation the parameters of a path to it."""
    done, waiting = make_request(status=Status.SUCCEEDED, reviewer=sarah), make_request()
    undoable = make_request()
    actions.decide(undoable, reviewer=sarah, verdict=Verdict.APPROVED, source=Source.CONSOLE)
    server = actions.add_tool_server(slug="files", kind="http", url="https://files.example/mcp", by=sarah)
    (tool,) = actions.sync_tools(server, [ToolDefinition("read", "Reads a file.", {"type": "object"})])
    policy = actions.save_policy(done.team, "version: 1\nrules: []\n", by=sarah)
    actions.halt(done.agent, reason="odd", by=sarah)
    definition = {"id": str(tool.versions.get().pk)}
    return {
        "read_request": {"reference": done.reference}, "undo_approval": {"reference": undoable.reference},
        **{verb: {"reference": waiting.reference} for verb in ON_WAITING},
        "hand_over_request": {"reference": waiting.reference, "body": {"to": make_reviewer("tom").username}},
        "read_agent": {"id": str(done.agent_id)}, "read_tool": {"id": str(tool.pk)},
        "read_tool_server": {"id": str(server.pk)}, "read_team": {"id": str(done.team_id)},
        "read_policy": {"id": str(policy.pk)}, "read_definition": definition, "accept_definition": definition,
        "reject_definition": definition, "halt": {"kind": "agents", "id": str(done.agent_id)},
        "resume": {"kind": "tool-servers", "id": str(server.pk)},
    }


# Outside a transaction: the WSGI application closes the connection after every request.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", sorted(OPERATIONS - {"read_health"}))
def test_the_api_keeps_what_the_document_promises(name, monkeypatch):
    monkeypatch.setattr(ApiThrottle, "rate", None)
    sarah = make_reviewer("sarah")
    known = known_paths(sarah).get(name)
    if name == "decide_request":  # a halted agent's calls are not approved
        actions.resume(Agent.objects.get(), reason="fine")
    check(name, {"Authorization": f"Bearer {actions.issue_api_token(sarah)}"}, known=known)


@pytest.mark.django_db(transaction=True)
def test_the_health_address_keeps_it_too(monkeypatch):
    monkeypatch.setattr(ApiThrottle, "rate", None)
    for part in ("relay", "executor"):
        Heartbeat.objects.create(name=part, beat_at=timezone.now() + timedelta(hours=1))
    check("read_health", {}, [GenerationMode.POSITIVE])  # it takes nothing that could be wrong


def test_the_examples_of_errors_are_what_the_code_answers(db):
    example = operations(document())["list_requests"]["responses"]["401"]["content"]["application/json"]["examples"]
    (told,) = example.values()
    assert json.loads(Client().get("/api/requests/").content) == told["value"]
