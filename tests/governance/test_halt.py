"""halt and resume: one act stops an agent, a tool, a server or a team; another one lets it go on."""

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from governance import actions
from governance.errors import InvalidArguments, NotAllowed, WrongState
from governance.models import EvidenceEntry, Team
from governance.models.decisions import Source
from governance.states import Status, Verdict
from tests.factories import make_agent, make_request, make_reviewer, make_score, make_team, make_tool, make_viewer

pytestmark = pytest.mark.django_db


def subject_of(kind):
    tool = make_tool()
    return {"agent": make_agent("pay-desk"), "tool": tool, "server": tool.server, "team": Team.objects.default()}[kind]


KINDS = ("agent", "tool", "server", "team")


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_call_is_refused_with_the_reason_until_it_is_resumed(kind):
    subject = subject_of(kind)
    agent = subject if kind == "agent" else make_agent()
    assert actions.halt(subject, reason="odd behaviour")
    with pytest.raises(NotAllowed, match="halted: odd behaviour"):
        actions.receive(agent=agent, tool=make_tool(), arguments={})
    assert actions.resume(subject, reason="looked at")
    assert actions.receive(agent=agent, tool=make_tool(), arguments={})[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_waiting_call_is_parked_can_be_rejected_and_not_approved(kind):
    subject = subject_of(kind)
    agent = subject if kind == "agent" else make_agent()
    waiting, other, sarah = make_request(agent=agent), make_request(agent=agent), make_reviewer()
    actions.halt(subject, reason="odd")
    with pytest.raises(WrongState, match=r"halted: odd.*can still reject"):
        actions.decide(waiting, reviewer=sarah, verdict=Verdict.APPROVED, source=Source.CONSOLE)
    actions.decide(other, reviewer=sarah, verdict=Verdict.REJECTED, source=Source.CONSOLE)
    actions.resume(subject, reason="fine")
    actions.decide(waiting, reviewer=sarah, verdict=Verdict.APPROVED, source=Source.CONSOLE)
    waiting.refresh_from_db()
    assert waiting.status == Status.APPROVED


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_is_scored_meanwhile_waits_for_a_person(kind):
    subject = subject_of(kind)
    request = make_request(status=Status.SCORING, agent=subject if kind == "agent" else make_agent())
    actions.halt(subject, reason="odd")
    actions.assess(request, make_score(5))
    assert actions.triage(request.pk) == Status.IN_REVIEW
    assert "halted: odd" in request.transitions.last().reason


@pytest.mark.parametrize("kind", KINDS)
def test_an_executing_call_finishes(kind, scripted):
    subject = subject_of(kind)
    request = make_request(status=Status.APPROVED, agent=subject if kind == "agent" else make_agent())
    execution = actions.claim_execution(request.pk)
    actions.halt(subject, reason="odd")
    actions.run_tool(execution)
    assert actions.record_outcome(request.pk) == Status.SUCCEEDED


def test_each_act_is_recorded_with_its_reason_and_bumps_the_generation():
    agent, tom = make_agent("pay-desk"), make_reviewer("tom")
    before = Team.objects.get(pk=agent.team_id).generation
    actions.halt(agent, reason="odd", by=tom)
    actions.resume(agent, reason="fine", by=tom)
    entries = [json.loads(entry.payload) for entry in EvidenceEntry.objects.order_by("id")]
    assert [(entry["what"], entry["reason"]) for entry in entries] == [
        ("agent halted", "odd"), ("agent resumed", "fine"),
    ]
    assert Team.objects.get(pk=agent.team_id).generation == before + 2


def test_halting_twice_changes_nothing():
    agent = make_agent()
    assert actions.halt(agent, reason="odd") and not actions.halt(agent, reason="again")
    agent.refresh_from_db()
    assert agent.halted_reason == "odd"


def test_a_viewer_and_a_foreign_reviewer_may_not_halt():
    agent = make_agent()
    for person in (make_viewer(), make_reviewer(team=make_team("Elsewhere"))):
        with pytest.raises(NotAllowed):
            actions.halt(agent, reason="odd", by=person)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_reason_is_needed(reason):
    with pytest.raises(InvalidArguments, match="reason"):
        actions.halt(make_agent(), reason=reason)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("agent", "pay-desk"), ("tool", "request_payment_extension"), ("server", "welfare"), ("team", "default")],
)
def test_the_command_line_halts_and_resumes(kind, name, capsys):
    subject = subject_of(kind)
    call_command("halt", kind, name, reason="odd")
    subject.refresh_from_db()
    assert subject.is_halted and "is halted" in capsys.readouterr().out
    call_command("resume", kind, name, reason="fine")
    subject.refresh_from_db()
    assert not subject.is_halted


def test_the_command_line_names_what_is_not_there():
    with pytest.raises(CommandError, match="no agent ghost"):
        call_command("halt", "agent", "ghost", reason="odd")
