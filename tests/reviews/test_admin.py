"""Django's admin: what is read-only, who sees which rows, and that deciding goes through the one verb."""

import pytest
from django.apps import apps
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.messages import get_messages
from django.test import Client, RequestFactory
from django.urls import reverse

from governance import actions
from governance.models import (
    Agent,
    AgentToken,
    ApiToken,
    Decision,
    EvidenceEntry,
    GovernanceRequest,
    Membership,
    Role,
    User,
)
from governance.states import Status
from reviews.admin.site import site
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_tool

pytestmark = pytest.mark.django_db

HISTORY = (
    "assessment", "decision", "transition", "evidenceentry", "execution", "outboxevent", "event", "run", "step",
    "pause", "job", "heartbeat",
)


def address(model, page="changelist", *args):
    app = "governance" if isinstance(model, str) else model._meta.app_label
    name = model if isinstance(model, str) else model._meta.model_name
    return reverse(f"admin:{app}_{name}_{page}", args=args)


def logged_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss():
    return User.objects.create_superuser("boss", password="x")


@pytest.fixture
def sarah():
    return make_reviewer("sarah", is_staff=True)


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


# -- every table -----------------------------------------------------------------------------


def test_every_table_of_the_gateway_is_there():
    # Those of `reviews` are what people set for themselves, and counts of what stands elsewhere.
    ours = {model for app in ("governance", "mcp_bridge") for model in apps.get_app_config(app).get_models()}
    assert ours <= set(site._registry)


def test_a_superuser_can_open_every_list_and_every_row(boss, sarah):
    actions.issue_api_token(sarah)
    request = make_request(status=Status.SUCCEEDED, reviewer=sarah)
    actions.issue_agent_token(request.agent)
    client = logged_in(boss)
    assert client.get(reverse("admin:index")).status_code == 200
    for model in site._registry:
        assert client.get(address(model)).status_code == 200, model
        row = model._default_manager.first()
        if row is not None:
            assert client.get(address(model, "change", row.pk)).status_code == 200, model


def test_rows_of_a_hash_never_show_it(boss, sarah):
    actions.issue_api_token(sarah)
    actions.issue_agent_token(make_agent())
    client = logged_in(boss)
    for model in (ApiToken, AgentToken):
        token = model.objects.get()
        for page in (address(model), address(model, "change", token.pk)):
            content = client.get(page).content.decode()
            assert token.prefix in content and token.sha256 not in content


# -- history ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*HISTORY, "governancerequest"])
def test_history_cannot_be_added_to_changed_or_deleted_by_anybody(boss, name):
    request = RequestFactory().get("/")
    request.user = boss
    model_admin = next(found for model, found in site._registry.items() if model._meta.model_name == name)
    allowed = model_admin.get_model_perms(request)
    assert allowed == {"add": False, "change": False, "delete": False, "view": True}
    assert "delete_selected" not in model_admin.get_actions(request)
    assert logged_in(boss).get(address(name, "add")).status_code == 403


def test_posting_to_a_decision_or_an_assessment_changes_nothing(boss, sarah):
    request = make_request(status=Status.DENIED, reviewer=sarah, reason="No.")
    client, decision = logged_in(boss), request.decisions.get()
    assert client.post(
        address("decision", "change", decision.pk), {"verdict": "APPROVED", "reason": "Yes."}
    ).status_code == 403
    assert client.post(address("decision", "delete", decision.pk), {"post": "yes"}).status_code == 403
    assert client.post(
        address("assessment", "change", request.assessment.pk), {"risk_score": 1}
    ).status_code == 403
    assert client.post(
        address("governancerequest", "change", request.pk), {"status": "approved"}
    ).status_code == 403
    decision.refresh_from_db()
    request.refresh_from_db()
    assert (decision.verdict, decision.reason, request.status) == ("REJECTED", "No.", Status.DENIED)


# -- teams -----------------------------------------------------------------------------------


def test_another_teams_rows_are_in_no_list_no_page_no_choice_and_no_search(sarah):
    other = make_team("Elsewhere")
    theirs = make_request(
        team=other, agent=make_agent("their-agent", team=other), reviewer=make_reviewer("olga", team=other),
        status=Status.SUCCEEDED,
    )
    mine = make_request(agent=make_agent("my-agent"))
    token, _ = AgentToken.issue(agent=theirs.agent)
    client = logged_in(sarah)
    for model in site._registry:
        response = client.get(address(model))
        if response.status_code == 200:
            content = response.content.decode()
            for word in (theirs.reference, "their-agent", "olga", "Elsewhere", token.prefix):
                assert word not in content, (model, word)
    for row in (theirs, theirs.agent, theirs.decisions.get(), theirs.assessment, theirs.execution, theirs.team, token):
        assert client.get(address(type(row), "change", row.pk)).status_code in (302, 403, 404), row
    listed = address(GovernanceRequest)
    assert mine.reference in client.get(listed).content.decode()
    for query in (f"?q={theirs.reference}", f"?agent={theirs.agent_id}", f"?tool={theirs.tool_id}"):
        assert str(theirs.pk) not in client.get(listed + query).content.decode()  # every row links to its page
    for verdict in ("approve", "reject"):
        page = f"{address(GovernanceRequest)}{theirs.pk}/{verdict}/"
        assert client.get(page).status_code == 404


def test_tables_without_a_team_are_for_superusers(sarah):
    client = logged_in(sarah)
    for name in ("event", "run", "step", "pause", "job", "heartbeat"):
        assert client.get(address(name)).status_code == 403


def test_a_colleague_sees_a_name_but_not_what_keeps_the_account(sarah):
    colleague = make_reviewer("carl")
    content = logged_in(sarah).get(address("user", "change", colleague.pk)).content.decode()
    assert "carl" in content
    assert "md5" not in content and "id_password" not in content and "superuser" not in content.lower()


def test_nobody_but_a_superuser_edits_owners_members_people_and_tools(sarah):
    agent = make_agent(owner=sarah)
    make_tool()
    client = logged_in(sarah)
    member = Membership.objects.get(user=sarah)
    for model, row in ((Agent, agent), (Membership, member), (User, sarah)):
        assert client.post(address(model, "change", row.pk), {"name": "x", "role": "admin"}).status_code == 403
        assert client.get(address(model, "add")).status_code == 403
    agent.refresh_from_db()
    assert agent.owner == sarah


def test_a_superusers_edit_leaves_its_evidence(boss, sarah):
    agent = make_agent("pay-desk")
    form = {"name": "pay-desk", "owner": sarah.pk, "visible_tools": "*"}
    response = logged_in(boss).post(address(Agent, "change", agent.pk), form)
    assert response.status_code == 302
    entry = EvidenceEntry.objects.latest("id")
    assert entry.actor == "reviewer:boss"
    assert '"what":"agent changed"' in entry.payload and '"fields":["owner"]' in entry.payload


# -- deciding --------------------------------------------------------------------------------


def decide_selected(client, rows, verdict="approve", **data):
    body = {"action": f"{verdict}_selected", ACTION_CHECKBOX_NAME: [row.pk for row in rows], **data}
    return client.post(address(GovernanceRequest), body)


@pytest.mark.parametrize(("verb", "verdict"), [("approve", "APPROVED"), ("reject", "REJECTED")])
def test_selected_requests_are_decided_after_a_page_that_asks_for_the_reason(sarah, verb, verdict):
    rows, client = [make_request(), make_request()], logged_in(sarah)
    asked = decide_selected(client, rows, verb)
    assert asked.status_code == 200
    assert all(row.reference in asked.content.decode() for row in rows)
    assert not Decision.objects.exists()
    done = decide_selected(client, rows, verb, decide="yes", reason="Looked at both.")
    assert done.status_code == 302
    assert [(d.verdict, d.reason, d.source, d.reviewer) for d in Decision.objects.all()] == [
        (verdict, "Looked at both.", "admin", sarah)
    ] * 2


def test_a_request_is_decided_from_its_own_page(sarah):
    request, client = make_request(), logged_in(sarah)
    page = f"{address(GovernanceRequest)}{request.pk}/reject/"
    assert page in client.get(address(GovernanceRequest, "change", request.pk)).content.decode()
    assert client.get(page).status_code == 200
    assert not Decision.objects.exists()
    response = client.post(page, {"reason": "Not her."})
    assert response.url == address(GovernanceRequest, "change", request.pk)
    request.refresh_from_db()
    assert request.status == Status.DENIED and request.decisions.get().reason == "Not her."


def test_what_cannot_be_decided_is_said_and_does_not_stop_the_rest(sarah):
    taken = make_request(status=Status.APPROVED, reviewer=make_reviewer("bob"))
    own = make_request(agent=make_agent("mine", owner=sarah))
    free = make_request(agent=make_agent("not-mine"))
    response = decide_selected(logged_in(sarah), [taken, own, free], decide="yes")
    text = " ".join(said(response))
    assert f"{taken.reference} is already decided: approved by bob" in text
    assert f"{own.reference}: You own this agent" in text
    assert f"{free.reference} is approved." in text
    assert Decision.objects.filter(reviewer=sarah).count() == 1


def test_an_overlong_reason_is_asked_again(sarah):
    request, client = make_request(), logged_in(sarah)
    response = client.post(f"{address(GovernanceRequest)}{request.pk}/approve/", {"reason": "x" * 4001})
    assert response.status_code == 200 and b'role="alert"' in response.content
    assert not Decision.objects.exists()


def test_without_the_permission_there_is_no_action(boss):
    viewer = make_reviewer("vera", is_staff=True, role=Role.VIEWER)
    viewer.groups.get().permissions.filter(codename="decide_request").delete()
    request, client = make_request(), logged_in(viewer)
    assert "approve_selected" not in client.get(address(GovernanceRequest)).content.decode()
    assert client.post(f"{address(GovernanceRequest)}{request.pk}/approve/", {"reason": ""}).status_code == 403
    decide_selected(client, [request], decide="yes")
    assert not Decision.objects.exists()


def test_a_superuser_outside_the_team_is_told_why_not(boss):
    request = make_request()
    response = decide_selected(logged_in(boss), [request], decide="yes")
    assert "You are not a reviewer of the team" in " ".join(said(response))
    assert not Decision.objects.exists()


def test_too_many_at_once_are_refused(sarah, monkeypatch):
    monkeypatch.setattr("reviews.admin.requests.MOST_AT_ONCE", 1)
    response = decide_selected(logged_in(sarah), [make_request(), make_request()], decide="yes")
    assert "at most 1" in " ".join(said(response))
    assert not Decision.objects.exists()


# -- agents and tokens -----------------------------------------------------------------------


def test_an_operator_halts_and_resumes_an_agent_with_a_reason():
    client, agent = logged_in(make_reviewer("op", is_staff=True, role=Role.OPERATOR)), make_agent()
    client.post(f"{address(Agent)}{agent.pk}/halt/", {"reason": "It loops."})
    agent.refresh_from_db()
    assert agent.is_halted and agent.halted_reason == "It loops."
    client.post(f"{address(Agent)}{agent.pk}/resume/", {"reason": "Fixed."})
    agent.refresh_from_db()
    assert not agent.is_halted
    assert EvidenceEntry.objects.filter(actor="reviewer:op").count() == 2


def test_a_reviewer_equips_no_agent_and_an_operator_not_elsewhere(sarah):
    agent, other = make_agent(), make_team("Elsewhere")
    operator = make_reviewer("op", team=other, is_staff=True, role=Role.OPERATOR)
    Membership.objects.create(user=operator, team=agent.team, role=Role.REVIEWER)
    token, _ = AgentToken.issue(agent=agent)
    for person in (sarah, operator):
        client = logged_in(person)
        assert client.post(f"{address(Agent)}{agent.pk}/issue-token/").status_code == 403
        client.post(address(AgentToken), {"action": "revoke_selected", ACTION_CHECKBOX_NAME: [token.pk]})
    token.refresh_from_db()
    assert token.revoked_at is None and AgentToken.objects.count() == 1


def test_a_new_token_is_shown_on_the_answer_and_nowhere_else(boss):
    agent, client = make_agent(), logged_in(boss)
    page = f"{address(Agent)}{agent.pk}/issue-token/"
    assert client.get(page).status_code == 200
    assert not AgentToken.objects.exists()
    shown = client.post(page)
    token = AgentToken.objects.get()
    clear = next(word for word in shown.content.decode().replace("<", " ").replace(">", " ").split()
                 if word.startswith(token.prefix))
    assert AgentToken.objects.usable(clear).get() == token
    assert "no-store" in shown["Cache-Control"] and not said(shown)
    assert clear not in client.get(address(AgentToken, "change", token.pk)).content.decode()


def test_tokens_are_revoked_by_action(boss, sarah):
    actions.issue_api_token(sarah)
    actions.issue_agent_token(make_agent())
    client = logged_in(boss)
    for model in (ApiToken, AgentToken):
        token = model.objects.get()
        client.post(address(model), {"action": "revoke_selected", ACTION_CHECKBOX_NAME: [token.pk]})
        token.refresh_from_db()
        assert token.revoked_at is not None


def test_a_person_issues_and_revokes_their_own_api_tokens_only(sarah):
    bob, client = make_reviewer("bob"), logged_in(sarah)
    actions.issue_api_token(bob)
    bobs = ApiToken.objects.get()
    assert client.post(f"{address(User)}{bob.pk}/issue-token/").status_code == 404
    client.post(address(ApiToken), {"action": "revoke_selected", ACTION_CHECKBOX_NAME: [bobs.pk]})
    bobs.refresh_from_db()
    assert bobs.revoked_at is None
    assert client.post(f"{address(User)}{sarah.pk}/issue-token/").status_code == 200
    assert ApiToken.objects.filter(user=sarah).count() == 1


def test_a_superuser_creates_an_agent_and_sees_its_token_once(boss):
    client = logged_in(boss)
    page, team = f"{address(Agent)}create/", make_team("Desk")
    shown = client.post(page, {"name": "pay-desk", "team": team.pk})
    assert AgentToken.objects.get(agent__name="pay-desk").prefix in shown.content.decode()
    again = client.post(page, {"name": "pay-desk", "team": team.pk})
    assert "already an agent named pay-desk" in again.content.decode()


# -- the way in, and what the browser may do --------------------------------------------------


def test_the_admin_is_entered_through_the_throttled_login(sarah, settings):
    client = Client()
    response = client.get("/admin/")
    assert response.url == "/admin/login/?next=/admin/"
    assert client.get(response.url).url == "/login/?next=/admin/"
    assert client.post("/admin/login/", {"username": "sarah", "password": "wrong"}).status_code == 302
    assert client.get("/admin/login/?next=//evil.example/").url == "/login/?next=/admin/"


def test_whoever_is_logged_in_without_the_right_is_told_and_not_sent_in_circles():
    client = logged_in(make_reviewer(is_staff=False))
    assert client.get("/admin/", follow=True).status_code == 403


def test_only_admin_pages_loosen_the_content_security_policy(boss):
    client = logged_in(boss)
    policy = client.get("/admin/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval';" in f"{policy};"
    assert "style-src 'self' 'unsafe-inline'" in policy
    for page in ("/queue/", "/api/docs", "/health/live"):
        assert "unsafe" not in client.get(page)["Content-Security-Policy"], page


# -- a million rows --------------------------------------------------------------------------


def test_the_list_counts_no_further_than_its_last_page(boss, monkeypatch):
    monkeypatch.setattr("reviews.admin.base.BoundedPaginator.MOST", 3)
    agent = make_agent()
    for _ in range(5):
        make_request(agent=agent, status=Status.RECEIVED)
    client = logged_in(boss)
    page = client.get(address(GovernanceRequest))
    assert "The first 3" in page.content.decode()
    assert page.context["cl"].result_count == 3


def test_the_list_needs_as_many_queries_for_many_rows_as_for_one(boss, django_assert_max_num_queries):
    agent = make_agent()
    for _ in range(12):
        make_request(agent=agent, status=Status.RECEIVED)
    client = logged_in(boss)
    with django_assert_max_num_queries(14):
        client.get(address(GovernanceRequest))
