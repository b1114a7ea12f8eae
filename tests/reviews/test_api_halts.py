"""REST: halt and resume an agent, a tool, a tool server or a team, as its own people may."""

import json

import pytest

from governance import actions
from governance.models import EvidenceEntry, Role, Team
from tests.factories import make_agent, make_reviewer, make_team, make_tool, make_viewer
from tests.reviews.rest import error_of

pytestmark = pytest.mark.django_db

KINDS = {"agents": "agent", "tools": "tool", "tool-servers": "tool_server", "teams": "team"}


def subject_of(kind):
    tool = make_tool()
    subjects = {"agents": make_agent("pay-desk"), "tools": tool, "tool-servers": tool.server}
    return subjects.get(kind) or Team.objects.default()


def switch(call, verb, kind, subject, reason="It repeats itself.", **options):
    return call("POST", f"/api/{kind}/{subject.pk}/{verb}/", {"reason": reason}, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_one_call_halts_another_one_resumes_and_both_are_recorded(call, kind):
    subject = subject_of(kind)
    body = switch(call, "halt", kind, subject).json()
    subject.refresh_from_db()
    assert subject.is_halted and body.pop("halted_at")
    assert body == {
        "kind": KINDS[kind], "id": subject.pk, "name": str(subject), "is_halted": True,
        "halted_reason": "It repeats itself.", "changed": True,
    }
    body = switch(call, "resume", kind, subject, "Looked at.").json()
    assert (body["is_halted"], body["halted_at"], body["halted_reason"], body["changed"]) == (False, None, "", True)
    entries = EvidenceEntry.objects.order_by("-id")[:2]
    assert {entry.actor for entry in entries} == {"reviewer:sarah"}
    assert [json.loads(entry.payload)["reason"] for entry in entries] == ["Looked at.", "It repeats itself."]


def test_halting_again_changes_nothing_and_tells_the_reason_that_stands(call):
    agent = make_agent()
    actions.halt(agent, reason="First.")
    known = EvidenceEntry.objects.count()
    body = switch(call, "halt", "agents", agent, "Second.").json()
    assert (body["changed"], body["is_halted"], body["halted_reason"]) == (False, True, "First.")
    actions.resume(agent, reason="Fine.")
    assert switch(call, "resume", "agents", agent).json()["changed"] is False
    assert EvidenceEntry.objects.count() == known + 1


def test_an_operator_may_halt_a_viewer_may_not(call):
    agent = make_agent()
    operator = actions.issue_api_token(make_reviewer(role=Role.OPERATOR, in_group=False))
    assert switch(call, "halt", "agents", agent, by=operator).json()["changed"]
    for verb in ("halt", "resume"):
        error = error_of(switch(call, verb, "agents", agent, by=actions.issue_api_token(make_viewer())), 403)
        assert error["code"] == "not_allowed" and "Only reviewers, operators and admins" in error["message"]
    agent.refresh_from_db()
    assert agent.is_halted


@pytest.mark.parametrize("kind", KINDS)
def test_what_other_teams_own_is_as_unknown_as_what_is_not_there(call, kind):
    subject = subject_of(kind)
    stranger = actions.issue_api_token(make_reviewer(team=make_team("Elsewhere")))
    for verb in ("halt", "resume"):
        assert error_of(switch(call, verb, kind, subject, by=stranger), 404)["code"] == "not_found"
        missing = call("POST", f"/api/{kind}/999999999999999999/{verb}/", {"reason": "x"})
        assert error_of(missing, 404)["code"] == "not_found"
    subject.refresh_from_db()
    assert not subject.is_halted


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"), ({"reason": ""}, "reason"), ({"reason": "  "}, "reason"), ({"reason": None}, "reason"),
        ({"reason": 5}, "reason"), ({"reason": "x" * 501}, "reason"), ({"reason": "a\x00"}, "reason"),
        ({"reason": "x", "until": "noon"}, "until"), ([], ""), (b"{", ""),
    ],
)
def test_without_a_reason_that_can_be_kept_nothing_is_halted(call, body, field):
    agent = make_agent()
    for verb in ("halt", "resume"):
        assert error_of(call("POST", f"/api/agents/{agent.pk}/{verb}/", body), 400).get("field", "") == field
    agent.refresh_from_db()
    assert not agent.is_halted


def test_nobody_agents_and_a_get_halt_nothing(call):
    agent = make_agent()
    for by in (None, actions.issue_agent_token(agent)):
        assert error_of(switch(call, "halt", "agents", agent, by=by), 401)
    assert error_of(call("GET", f"/api/agents/{agent.pk}/halt/"), 405)
    assert error_of(call("POST", f"/api/requests/{agent.pk}/halt/", {"reason": "x"}), 404)
    assert error_of(call("POST", f"/api/agents/{agent.pk}/halt/?force=1", {"reason": "x"}), 400)["field"] == "force"
    agent.refresh_from_db()
    assert not agent.is_halted
