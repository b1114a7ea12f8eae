"""The policy editor: problems by line, sentences, difference, try-out, a new version for every change, activation."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from governance import actions
from governance.models import Agent, EvidenceEntry, PolicyVersion, Role, Team, Tool, User
from reviews.admin.policy_page import lines_between
from tests.factories import make_agent, make_reviewer, make_team, make_tool

pytestmark = pytest.mark.django_db

LIST = "/admin/governance/policyversion/"
NEW = f"{LIST}new/"
RULES = """version: 1
rules:
  - name: no-deletes
    effect: deny
    message: Ask ops.
    when: {tool: '*delete*'}
"""
WRONG = RULES.replace("deny", "dney")


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def member(role: Role, **fields: object) -> Client:
    return client_of(make_reviewer(role=role, is_staff=True, **fields))


def page_of(version: PolicyVersion, act: str = "change") -> str:
    return reverse(f"admin:governance_policyversion_{act}", args=[version.pk])


def said(answer: object) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


@pytest.fixture
def version() -> PolicyVersion:
    saved = actions.save_policy(Team.objects.default(), RULES, note="First")
    actions.activate_policy(saved)
    return saved


@pytest.fixture
def olli() -> Client:
    return client_of(make_reviewer("olli", role=Role.OPERATOR, is_staff=True))


def test_a_version_is_read_as_sentences_and_as_numbered_lines(version):
    page = member(Role.VIEWER).get(page_of(version)).content.decode()
    assert "Rule no-deletes (deny): tool is *delete*." in page
    assert "No rule (score" in page and "<span>4</span>" in page


def test_an_edit_is_a_new_version_and_the_stored_one_stays(version, olli):
    changed = RULES.replace("Ask ops.", "Never.")
    answer = olli.post(page_of(version, "edit"), {"do": "save", "text": changed, "note": "Shorter"})
    newest = PolicyVersion.objects.get(number=2)
    assert answer.url == page_of(newest) and newest.text == changed and newest.created_by.username == "olli"
    version.refresh_from_db()
    assert version.text == RULES and version.active and not newest.active
    assert "policy saved" in EvidenceEntry.objects.latest("id").payload


def test_ends_of_lines_as_browsers_send_them_make_no_new_version(version, olli):
    answer = olli.post(page_of(version, "edit"), {"do": "save", "text": RULES.replace("\n", "\r\n")})
    assert "says exactly this already" in said(answer)
    assert PolicyVersion.objects.count() == 1


def test_checking_names_every_line_that_is_wrong_and_keeps_what_was_typed(version, olli):
    answer = olli.post(page_of(version, "edit"), {"do": "check", "text": WRONG + "  - nam: x\n", "note": "Mine"})
    page = answer.content.decode()
    assert answer.status_code == 200 and 'data-line="4"' in page and 'data-line="7"' in page
    assert "dney" in page and 'value="Mine"' in page
    assert PolicyVersion.objects.count() == 1


def test_what_is_wrong_is_not_saved(version, olli):
    answer = olli.post(page_of(version, "edit"), {"do": "save", "text": WRONG})
    assert answer.status_code == 400 and "Not saved" in answer.content.decode()
    assert PolicyVersion.objects.count() == 1


@pytest.mark.parametrize("text", ["", "\x00", "x" * 200_000, "a: &b [*b]", "[" * 5000, "\u202e"])
def test_a_hostile_text_is_answered_with_its_problem(version, olli, text):
    answer = olli.post(page_of(version, "edit"), {"do": "save", "text": text})
    assert answer.status_code == 400
    assert PolicyVersion.objects.count() == 1


def test_the_difference_to_the_active_version_is_shown(version, olli):
    answer = olli.post(page_of(version, "edit"), {"do": "check", "text": RULES.replace("Ask ops.", "Never.")})
    page = answer.content.decode()
    assert "gv-removed" in page and "gv-added" in page and "message: Never." in page


def test_a_call_is_tried_with_the_unsaved_rules(version, olli):
    agent, tool = make_agent("pay-desk"), make_tool("delete_all")
    body = {"do": "try", "agent": agent.pk, "tool": tool.pk, "arguments": '{"a": 1}'}
    unsaved = RULES.replace("no-deletes", "unsaved")
    page = olli.post(page_of(version, "edit"), {**body, "text": unsaved}).content.decode()
    assert "Rule <b>unsaved</b>" in page and "It is refused." in page and "Ask ops." in page
    page = olli.post(page_of(version, "edit"), {**body, "text": "version: 1\nrules: []\n"}).content.decode()
    assert "No rule matches." in page and "It is scored" in page


@pytest.mark.parametrize(
    "arguments", ["{", "[1]", "NaN", '{"a": 1, "a": 2}', "[" * 4000, '{"a":' * 40 + "1" + "}" * 40]
)
def test_arguments_that_are_no_object_are_said_to_be_none(version, olli, arguments):
    agent, tool = make_agent(), make_tool()
    body = {"do": "try", "agent": agent.pk, "tool": tool.pk, "arguments": arguments, "text": RULES}
    answer = olli.post(page_of(version, "edit"), body)
    assert answer.status_code == 200 and answer.context["outcome"] is None
    assert answer.context["trying"].errors["arguments"]


def test_another_teams_agents_and_tools_cannot_be_tried(version, olli):
    other = make_team("Elsewhere")
    agent, tool = make_agent("secret-agent", team=other), make_tool("secret_tool", team=other)
    body = {"do": "try", "agent": agent.pk, "tool": tool.pk, "arguments": "{}", "text": RULES}
    answer = olli.post(page_of(version, "edit"), body)
    assert answer.context["outcome"] is None and "secret" not in answer.content.decode()


def test_activating_is_an_act_of_its_own_with_evidence(version, olli):
    newer = actions.save_policy(version.team, RULES.replace("Ask ops.", "Never."))
    page = olli.get(page_of(newer, "activate")).content.decode()
    assert "message: Never." in page and f'name="before" value="{version.pk}"' in page
    before = Team.objects.default().generation
    assert olli.post(page_of(newer, "activate"), {"before": version.pk}).status_code == 302
    newer.refresh_from_db()
    assert newer.active and newer.activated_by.username == "olli" and Team.objects.default().generation > before
    assert "policy activated" in EvidenceEntry.objects.latest("id").payload


def test_activating_is_asked_again_when_another_version_came_first(version, olli):
    newer = actions.save_policy(version.team, RULES.replace("Ask ops.", "Never."))
    answer = olli.post(page_of(newer, "activate"), {"before": ""})
    assert answer.status_code == 409 and "Look at what changes once more" in answer.content.decode()
    newer.refresh_from_db()
    assert not newer.active


def test_the_first_version_of_a_team_begins_from_no_rules(olli):
    assert "rules: []" in olli.get(NEW).content.decode()
    olli.post(NEW, {"do": "save", "text": RULES})
    assert PolicyVersion.objects.get().number == 1


def test_whoever_writes_for_several_teams_is_asked_which(olli):
    person, other = User.objects.get(username="olli"), make_team("Elsewhere")
    make_team("Far away")
    person.membership_set.create(team=other, role=Role.ADMIN)
    page = olli.get(NEW).content.decode()
    assert "Elsewhere" in page and "Far away" not in page
    olli.post(f"{NEW}?team={other.pk}", {"do": "save", "text": RULES})
    assert PolicyVersion.objects.get().team == other


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
def test_others_of_the_team_read_and_do_not_write(version, role):
    client, newer = member(role), actions.save_policy(version.team, RULES.replace("Ask ops.", "Never."))
    page = client.get(page_of(newer)).content.decode()
    assert "message: Never." in page and page_of(newer, "edit") not in page and page_of(newer, "activate") not in page
    for address in (page_of(newer, "edit"), page_of(newer, "activate"), NEW):
        assert client.get(address).status_code == 403
        assert client.post(address, {"do": "save", "text": RULES + "#", "before": version.pk}).status_code == 403
    assert PolicyVersion.objects.count() == 2 and PolicyVersion.objects.get(active=True) == version


def test_another_team_neither_reads_nor_writes(version):
    client = member(Role.ADMIN, team=make_team("Elsewhere"))
    assert page_of(version) not in client.get(LIST).content.decode()
    assert client.get(page_of(version)).status_code == 302
    for act in ("edit", "activate"):
        assert client.post(page_of(version, act), {"do": "save", "text": RULES}).status_code == 403
    client.post(f"{NEW}?team={version.team_id}", {"do": "save", "text": RULES.replace("Ask ops.", "Mine.")})
    assert version.team.policies.count() == 1


def test_a_stored_version_is_edited_and_deleted_by_nobody(version):
    boss = client_of(User.objects.create_superuser("boss", password="x"))
    assert boss.post(page_of(version), {"text": "version: 1\nrules: []\n"}).status_code == 403
    assert boss.post(page_of(version, "delete"), {"post": "yes"}).status_code == 403
    assert boss.get(f"{LIST}add/").status_code == 403
    version.refresh_from_db()
    assert version.text == RULES


def test_a_superuser_of_no_team_writes(version):
    boss = client_of(User.objects.create_superuser("boss", password="x"))
    boss.post(page_of(version, "edit"), {"do": "save", "text": RULES.replace("Ask ops.", "Never.")})
    assert PolicyVersion.objects.count() == 2


def test_rules_and_names_are_text_on_every_page(olli):
    forged = "<script>document.title='taken'</script>"
    text = RULES.replace("Ask ops.", f'"{forged}"')
    version = actions.save_policy(Team.objects.default(), text, note=forged)
    Agent.objects.create(team=version.team, name=forged)
    Tool.objects.filter(pk=make_tool().pk).update(exposed_name=forged[:60])
    for page in (LIST, page_of(version), page_of(version, "edit"), page_of(version, "activate")):
        assert "<script>document" not in olli.get(page).content.decode(), page
    checked = olli.post(page_of(version, "edit"), {"do": "check", "text": f"{forged}: 1\n{forged}"}).content.decode()
    assert "<script>document" not in checked


def test_two_long_files_of_equal_lines_are_not_compared_line_by_line():
    old, new = "a\n" * 30_000, "b\n" + "a\n" * 30_000
    assert {line.kind for line in lines_between(old, new)} == {"removed", "added"}
