"""What a call would change, asked of read-only tools: as they answer, and as they fail. Nothing else is ever called."""

import json
from typing import Any

import pytest

from governance import actions
from governance.errors import DownstreamUnknown, InvalidArguments
from governance.insight import look_up_name, preview_of
from governance.lookups import preview_rule_of, resolvers_of
from governance.models import EvidenceEntry, GovernanceRequest, Tool, ToolServer
from governance.toolservers import PreviewedChange, ToolResult
from tests.definitions import defined, make_server, offer
from tests.factories import make_request, make_reviewer
from tests.toolservers import Scripted

pytestmark = pytest.mark.django_db

ANY = {"input_schema": {"type": "object"}}
READS = {"annotations": {"readOnlyHint": True}, **ANY}
READ = {
    "read": "get_limit", "arguments": {"id": "/customer"}, "before": {"limit": "/account/limit", "name": "/name"},
    "after": {"limit": "/new_limit"},
}


class Reading(Scripted):
    """A remote backend without a network."""

    def read(self, tool: str, arguments: Any, *, seconds: float) -> ToolResult:
        assert seconds <= 2
        return self.call(tool, arguments)


@pytest.fixture(autouse=True)
def reading(settings):
    settings.TOOL_SERVERS = {**settings.TOOL_SERVERS, "http": "tests.governance.test_insight.Reading"}
    Scripted.answers.clear()
    Scripted.calls.clear()


@pytest.fixture
def server() -> ToolServer:
    server = make_server()
    offer(server, defined("set_limit", **ANY), defined("get_limit", **READS), defined("try_limit", **READS),
          defined("wipe", **ANY), accept=True)
    return server


def request_with(server: ToolServer, preview: dict, **arguments: Any) -> GovernanceRequest:
    Tool.objects.filter(server=server, name="set_limit").update(preview=preview)
    tool = Tool.objects.select_related("server").get(server=server, name="set_limit")
    return make_request(tool=tool, arguments=arguments or {"customer": "CUST-7", "new_limit": 700})


def answers(tool: str, structured: Any = None, text: str = "", is_error: bool = False) -> None:
    Scripted.answers[tool] = lambda arguments: ToolResult(
        [{"type": "text", "text": text}] if text else [], structured, is_error
    )


def test_a_read_tool_tells_before_and_the_call_itself_after(server) -> None:
    answers("get_limit", {"account": {"limit": 500}, "name": "Ada"})
    preview = preview_of(request_with(server, READ))
    assert preview.changes == (PreviewedChange("limit", "500", "700"), PreviewedChange("name", "Ada", "Ada"))
    assert Scripted.calls == [("get_limit", {"id": "CUST-7"})]
    assert preview.source == "github__get_limit"


def test_edited_arguments_are_previewed_in_place_of_the_calls_own(server) -> None:
    answers("get_limit", {"account": {"limit": 500}})
    preview = preview_of(request_with(server, READ), {"customer": "CUST-8", "new_limit": 550})
    assert preview.changes == (PreviewedChange("limit", "500", "550"),)
    assert Scripted.calls == [("get_limit", {"id": "CUST-8"})]


def test_a_dry_run_gets_the_same_arguments_and_tells_what_it_would_change(server) -> None:
    answers("try_limit", {"changes": [{"label": "limit", "before": 500, "after": 700}, {"no": "label"}]})
    assert preview_of(request_with(server, {"dry_run": "try_limit"})).changes == (
        PreviewedChange("limit", "500", "700"),
    )
    assert Scripted.calls == [("try_limit", {"customer": "CUST-7", "new_limit": 700})]


def test_a_dry_run_that_only_talks_is_quoted_and_cut(server) -> None:
    answers("try_limit", text="x" * 9_000)
    preview = preview_of(request_with(server, {"dry_run": "try_limit"}))
    assert preview.said == "x" * 2_000 and preview.changes == ()


def test_an_answer_that_is_json_in_a_text_is_read_too(server) -> None:
    answers("get_limit", text=json.dumps({"account": {"limit": True}}))
    assert preview_of(request_with(server, READ)).changes[0] == PreviewedChange("limit", "yes", "700")


def test_a_refused_dry_run_is_a_warning(server) -> None:
    answers("try_limit", text="Customer is closed.", is_error=True)
    assert "Customer is closed." in preview_of(request_with(server, {"dry_run": "try_limit"})).warning


@pytest.mark.parametrize("structured", [None, [], {"account": "none"}, {"account": {"limit": {"a": [1]}}}, 7])
def test_an_answer_of_another_shape_is_no_error(server, structured) -> None:
    answers("get_limit", structured)
    assert preview_of(request_with(server, READ)).changes[0].after == "700"


def test_a_failure_is_said_in_words(server) -> None:
    def fail(arguments: Any) -> ToolResult:
        raise DownstreamUnknown("No answer within 2 seconds.")

    Scripted.answers["get_limit"] = fail
    assert "No answer within 2 seconds." in preview_of(request_with(server, READ)).problem


@pytest.mark.parametrize("preview", [
    {"dry_run": "wipe"}, {"read": "wipe", "before": {"a": "/a"}}, {"dry_run": "missing"}, {"dry_run": 7}, {"both": 1},
])
def test_nothing_but_an_accepted_read_only_tool_is_called(server, preview) -> None:
    assert preview_of(request_with(server, preview)).problem
    assert Scripted.calls == [] and not EvidenceEntry.objects.filter(payload__contains="preview read").exists()


@pytest.mark.parametrize("stop", ["tool", "server", "changed", "off"])
def test_a_tool_that_agents_could_not_call_is_not_called_for_a_reviewer(server, stop) -> None:
    request = request_with(server, READ)
    tool = Tool.objects.get(server=server, name="get_limit")
    if stop == "changed":
        Tool.objects.filter(pk=tool.pk).update(offered_digest="e" * 64)
    elif stop == "off":
        Tool.objects.filter(pk=tool.pk).update(enabled=False)
    else:
        actions.halt(tool if stop == "tool" else server, reason="A drill.")
    assert preview_of(request).problem and Scripted.calls == []


def test_every_read_leaves_evidence_with_who_looked(server) -> None:
    answers("get_limit", {})
    sarah, request = make_reviewer("sarah"), request_with(server, READ)
    preview_of(request, by=sarah)
    entry = EvidenceEntry.objects.latest("id")
    assert entry.actor == "reviewer:sarah" and entry.request == request
    assert json.loads(entry.payload) == {
        "what": "preview read", "server": "github", "tool": "github__get_limit", "reference": request.reference,
    }


def test_reversibility_is_what_people_wrote_else_what_the_hints_say(server) -> None:
    request = request_with(server, {})
    assert "Nobody has said" in preview_of(request).reversibility
    request.tool.reversibility = "Until the next pay run."
    assert preview_of(request).reversibility == "Until the next pay run."


# -- names -------------------------------------------------------------------------------------


def resolving(server: ToolServer, **fields: str) -> ToolServer:
    server.resolvers = [
        {"pattern": "CUST-[0-9]+", "tool": "get_limit", "argument": "id", "name": "/person/name", **fields}
    ]
    return server


def test_a_name_is_asked_for_with_evidence(server) -> None:
    answers("get_limit", {"person": {"name": "  Ada\nObi\u202e "}})
    assert look_up_name(resolving(server), "CUST-7") == "Ada Obi\\u202e"
    assert Scripted.calls == [("get_limit", {"id": "CUST-7"})]
    assert EvidenceEntry.objects.latest("id").actor == "gateway"


@pytest.mark.parametrize("structured", [None, {"person": {}}, {"person": {"name": ["x"]}}])
def test_no_name_is_no_name(server, structured) -> None:
    answers("get_limit", structured, text="{}")
    assert look_up_name(resolving(server), "CUST-7") == ""


def test_an_id_of_another_shape_is_not_asked_for(server) -> None:
    assert look_up_name(resolving(server), "CUST-7 or all") == "" and Scripted.calls == []


# -- what administrators write ------------------------------------------------------------------


@pytest.mark.parametrize("written", [
    {}, [1], [{"pattern": "a"}], [{"pattern": "(", "tool": "t", "argument": "a", "name": "/n"}],
    [{"pattern": "a)|(b", "tool": "t", "argument": "a", "name": "/n"}],
    [{"pattern": "(?=a)", "tool": "t", "argument": "a", "name": "/n"}],
    [{"pattern": "a", "tool": "t", "argument": "a", "name": "n"}],
    [{"pattern": "a", "tool": "", "argument": "a", "name": "/n"}],
    [{"pattern": "a", "tool": "t", "argument": "a", "name": "/n"}] * 11,
])
def test_resolvers_that_cannot_work_are_refused_in_words(written) -> None:
    with pytest.raises(InvalidArguments, match=r"\w"):
        resolvers_of(written)


@pytest.mark.parametrize("written", [
    [], {"read": "t"}, {"dry_run": "t", "read": "t"}, {"dry_run": "t", "arguments": {}}, {"read": "t", "before": []},
    {"read": "t", "before": {"a": "a"}}, {"read": "t", "before": {"": "/a"}}, {"dry_run": ""}, {"dry_run": ["x"]},
])
def test_previews_that_cannot_work_are_refused_in_words(written) -> None:
    if not written:
        assert preview_rule_of(written) is None
        return
    with pytest.raises(InvalidArguments, match=r"\w"):
        preview_rule_of(written)


def test_the_short_form_names_a_place_and_what_comes_there() -> None:
    rule = preview_rule_of({"read": "t", "after": {"/limit": "/new_limit"}})
    assert (rule.before, rule.after) == ({"/limit": "/limit"}, {"/limit": "/new_limit"})
