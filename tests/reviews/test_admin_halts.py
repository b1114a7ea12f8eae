"""Halt and resume in the admin: agents, tools, tool servers and teams; one, or several with one reason."""

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from governance import actions
from governance.models import Agent, EvidenceEntry, Role, Team, User
from governance.models.halts import Haltable
from governance.states import Status
from tests.definitions import make_server
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_tool

pytestmark = pytest.mark.django_db


def member(role: Role, **fields: object) -> Client:
    client = Client()
    client.force_login(make_reviewer(role=role, is_staff=True, **fields))
    return client


def listed(row: Haltable) -> str:
    return reverse(f"admin:governance_{row._meta.model_name}_changelist")


def said(answer: object) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


SUBJECTS = {"agent": make_agent, "tool": make_tool, "tool server": make_server, "team": Team.objects.default}


@pytest.fixture(params=SUBJECTS)
def subject(request) -> Haltable:
    return SUBJECTS[request.param]()


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.OPERATOR, Role.ADMIN])
def test_whoever_works_in_the_team_halts_and_resumes_with_a_reason(subject, role):
    client, page = member(role), f"{listed(subject)}{subject.pk}/"
    assert "Halt this" in client.get(f"{page}halt/").content.decode()
    client.post(f"{page}halt/", {"reason": "It loops."})
    subject.refresh_from_db()
    assert subject.is_halted and subject.halted_reason == "It loops."
    client.post(f"{page}resume/", {"reason": "Mended."})
    subject.refresh_from_db()
    assert not subject.is_halted
    assert EvidenceEntry.objects.filter(payload__contains="It loops.").exists()
    assert EvidenceEntry.objects.filter(payload__contains="Mended.").exists()


def test_without_a_reason_nothing_is_halted(subject):
    answer = member(Role.OPERATOR).post(f"{listed(subject)}{subject.pk}/halt/", {"reason": "  "})
    assert b'role="alert"' in answer.content
    subject.refresh_from_db()
    assert not subject.is_halted


def test_a_viewer_and_another_team_halt_nothing(subject):
    for client in (member(Role.VIEWER), member(Role.ADMIN, team=make_team("Elsewhere"))):
        for act in ("halt", "resume"):
            assert client.post(f"{listed(subject)}{subject.pk}/{act}/", {"reason": "x"}).status_code == 403
        client.post(listed(subject), {
            "action": "halt_selected", ACTION_CHECKBOX_NAME: [subject.pk], "confirmed": "yes", "reason": "x",
        })
    subject.refresh_from_db()
    assert not subject.is_halted


def test_a_page_offers_the_one_act_that_changes_something(subject):
    client, page = member(Role.OPERATOR), f"{listed(subject)}{subject.pk}/"
    shown = client.get(f"{page}change/").content.decode()
    assert f"{page}halt/" in shown and f"{page}resume/" not in shown
    actions.halt(subject, reason="It loops.")
    shown = client.get(f"{page}change/").content.decode()
    assert f"{page}halt/" not in shown and f"{page}resume/" in shown


def test_a_halted_one_is_visibly_halted_in_its_list(subject):
    actions.halt(subject, reason="It loops.")
    page = member(Role.VIEWER).get(listed(subject)).content.decode()
    assert "Halted" in page and "It loops." in page


def test_several_are_halted_with_one_reason_after_a_page_that_asks():
    agents, client = [make_agent(), make_agent(), make_agent()], member(Role.OPERATOR)
    make_request(agent=agents[0])
    body = {"action": "halt_selected", ACTION_CHECKBOX_NAME: [agents[0].pk, agents[1].pk]}
    asked = client.post("/admin/governance/agent/", body).content.decode()
    assert "1 open request" in asked and "Halt all 2" in asked
    assert not Agent.objects.exclude(halted_at=None).exists()
    client.post("/admin/governance/agent/", {**body, "confirmed": "yes", "reason": "Both loop."})
    assert list(Agent.objects.exclude(halted_at=None).order_by("pk")) == agents[:2]
    body["action"] = "resume_selected"
    answer = client.post("/admin/governance/agent/", {**body, "confirmed": "yes", "reason": "Mended."})
    assert "is running" in said(answer) and not Agent.objects.exclude(halted_at=None).exists()


def test_of_several_only_those_of_ones_own_team_are_halted():
    person = make_reviewer(role=Role.OPERATOR, is_staff=True)
    other = make_team("Elsewhere")
    person.membership_set.create(team=other, role=Role.VIEWER)
    mine, theirs = make_agent(), make_agent(team=other)
    client = Client()
    client.force_login(person)
    answer = client.post("/admin/governance/agent/", {
        "action": "halt_selected", ACTION_CHECKBOX_NAME: [mine.pk, theirs.pk], "confirmed": "yes", "reason": "x",
    })
    assert "Only reviewers, operators and admins of Elsewhere" in said(answer)
    assert list(Agent.objects.exclude(halted_at=None)) == [mine]


def test_a_tool_of_a_halted_server_is_shown_as_halted():
    tool = make_tool()
    actions.halt(tool.server, reason="It floods.")
    page = member(Role.VIEWER).get("/admin/governance/tool/").content.decode()
    assert "Halted" in page and "It floods." in page
    filtered = member(Role.VIEWER).get("/admin/governance/tool/?state=halted").content.decode()
    assert tool.exposed_name in filtered
    assert tool.exposed_name not in member(Role.VIEWER).get("/admin/governance/tool/?state=offered").content.decode()


def test_parked_requests_are_shown_so_and_can_be_rejected_alone():
    request, client = make_request(), member(Role.REVIEWER)
    actions.halt(request.agent, reason="It loops.")
    page = f"/admin/governance/governancerequest/{request.pk}/"
    shown = client.get(f"{page}change/").content.decode()
    assert "It loops." in shown and f"{page}reject/" in shown and f"{page}approve/" not in shown
    assert "Parked" in client.get("/admin/governance/governancerequest/").content.decode()


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.DENIED, Status.EXPIRED, Status.APPROVED])
def test_what_no_longer_waits_offers_no_decision(status):
    request, client = make_request(status=status), member(Role.REVIEWER)
    page = f"/admin/governance/governancerequest/{request.pk}/"
    shown = client.get(f"{page}change/").content.decode()
    assert f"{page}approve/" not in shown and f"{page}reject/" not in shown


def test_a_request_names_its_rule_and_version():
    text = "version: 1\nrules:\n  - name: all-of-it\n    effect: review\n"
    version = actions.save_policy(Team.objects.default(), text)
    actions.activate_policy(version)
    request, _ = actions.receive(agent=make_agent(), tool=make_tool(), arguments={"a": 1})
    page = member(Role.REVIEWER).get(f"/admin/governance/governancerequest/{request.pk}/change/").content.decode()
    assert "Rule all-of-it (review) of" in page
    assert reverse("admin:governance_policyversion_change", args=[version.pk]) in page


def test_an_agents_page_lists_the_tools_it_sees_and_why_not_now():
    agent, tool = make_agent(), make_tool("pay_out")
    make_tool("pay_in")
    Agent.objects.filter(pk=agent.pk).update(visible_tools="pay_o*")
    actions.halt(tool, reason="It pays twice.")
    page = member(Role.VIEWER).get(f"/admin/governance/agent/{agent.pk}/change/").content.decode()
    assert "pay_out" in page and "It pays twice." in page and "pay_in" not in page and "1 more tool" in page


def test_an_operator_switches_a_tool_off_and_a_reviewer_does_not():
    tool = make_tool()
    page = f"/admin/governance/tool/{tool.pk}/change/"
    assert member(Role.REVIEWER).post(page, {}).status_code == 403
    assert member(Role.OPERATOR).post(page, {}).status_code == 302
    tool.refresh_from_db()
    assert not tool.enabled
    assert "tool changed" in EvidenceEntry.objects.latest("id").payload


def test_switching_somebody_off_is_evidence_in_all_of_their_teams():
    boss = User.objects.create_superuser("boss", password="x")
    person = make_reviewer("sarah")
    other = make_team("Elsewhere")
    person.membership_set.create(team=other, role=Role.VIEWER)
    before = {team.pk: team.generation for team in Team.objects.all()}
    client = Client()
    client.force_login(boss)
    fields = {"username": "sarah", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    answer = client.post(f"/admin/governance/user/{person.pk}/change/", fields)
    assert answer.status_code == 302, answer.context["errors"]
    person.refresh_from_db()
    assert not person.is_active
    for team in Team.objects.all():
        assert EvidenceEntry.objects.filter(team=team, payload__contains='"is_active"').count() == 1
        assert team.generation > before[team.pk]


def test_a_membership_that_ends_is_evidence():
    boss = User.objects.create_superuser("boss", password="x")
    row = make_reviewer("sarah").membership_set.get()
    before = Team.objects.default().generation
    client = Client()
    client.force_login(boss)
    client.post(f"/admin/governance/membership/{row.pk}/delete/", {"post": "yes"})
    assert "membership removed" in EvidenceEntry.objects.latest("id").payload
    assert Team.objects.default().generation > before
