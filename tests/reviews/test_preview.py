"""The fragment that says what a waiting call would change; who may see it, and what administrators set for it."""

import pytest
from django.test import Client

from governance import actions
from governance.models import EvidenceEntry, GovernanceRequest, Team, Tool, User
from governance.states import Status
from mcp_bridge.models.welfare import Extension
from tests.definitions import defined, make_server, offer
from tests.factories import make_request, make_reviewer, make_team
from tests.reviews.test_admin_servers import form, page_of

pytestmark = pytest.mark.django_db
READS = {"annotations": {"readOnlyHint": True}}
CUSTOMERS = '[{"pattern": "CUST-[0-9]+", "tool": "get_customer", "argument": "id", "name": "/name"}]'


@pytest.fixture
def tool() -> Tool:
    return actions.install_builtin_tools(Team.objects.default()).tools.get(name="request_payment_extension")


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def fragment(request: GovernanceRequest, user: User | None = None):
    return client_of(user or make_reviewer()).get(f"/requests/{request.reference}/preview/")


def extension(tool: Tool, **fields: object) -> GovernanceRequest:
    return make_request(tool=tool, arguments={"beneficiary_id": "BEN-123", "days": 14, "reason": "x"}, **fields)


def test_before_and_after_are_shown_and_nothing_happened(tool) -> None:
    text = " ".join(fragment(extension(tool)).content.decode().split())
    assert "What changes" in text and "Payments run until" in text and "Each call extends again." in text
    assert "<html" not in text and "style=" not in text
    assert not Extension.objects.exists()


def test_a_call_that_would_be_refused_is_marked(tool) -> None:
    request = make_request(tool=tool, arguments={"beneficiary_id": "BEN-152", "days": 1, "reason": "x"})
    text = fragment(request).content.decode()
    assert "notice-warn" in text and "suspended" in text


def test_a_name_from_a_tool_server_is_text_only(tool) -> None:
    tool.server.tools.model.objects.filter(pk=tool.pk).update(reversibility="<b>x</b>\u202e")
    text = fragment(extension(tool)).content.decode()
    assert "&lt;b&gt;x&lt;/b&gt;\\u202e" in text


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.DENIED, Status.APPROVED])
def test_nobody_is_asked_about_a_call_that_was_decided(tool, status) -> None:
    request = extension(tool, status=status)
    before = EvidenceEntry.objects.count()
    text = fragment(request).content.decode()
    assert "Payments run until" not in text and "What changes" in text
    assert EvidenceEntry.objects.count() == before


def test_another_team_and_nobody_see_none(tool) -> None:
    request = extension(tool)
    assert fragment(request, make_reviewer(team=make_team("Elsewhere"))).status_code == 404
    assert Client().get(f"/requests/{request.reference}/preview/").status_code == 302
    assert client_of(make_reviewer()).post(f"/requests/{request.reference}/preview/").status_code == 405


def test_a_failing_preview_is_words_and_a_good_answer() -> None:
    server = make_server()
    (wanted, _) = offer(server, defined("set", input_schema={"type": "object"}), defined("get", **READS), accept=True)
    Tool.objects.filter(pk=wanted.pk).update(preview={"read": "get", "before": {"x": "/x"}})
    wanted.refresh_from_db()
    answer = fragment(make_request(tool=wanted, arguments={"id": 1}))
    assert answer.status_code == 200
    assert "You can decide without it." in answer.content.decode()


# -- what administrators set --------------------------------------------------------------------


@pytest.fixture
def boss() -> Client:
    return client_of(User.objects.create_superuser("boss", password="x"))


@pytest.fixture
def server():
    made = make_server()
    offer(made, defined("get_customer", **READS), defined("wipe"), accept=True)
    return made


def test_resolvers_are_set_in_the_admin_with_evidence(boss, server) -> None:
    assert boss.post(page_of(server), form(resolvers=CUSTOMERS)).status_code == 302
    server.refresh_from_db()
    assert server.resolvers[0]["tool"] == "get_customer"
    assert "resolvers" in EvidenceEntry.objects.latest("id").payload


@pytest.mark.parametrize(("written", "problem"), [
    (CUSTOMERS.replace("get_customer", "wipe"), "only reads"), (CUSTOMERS.replace("get_customer", "no"), "offers no"),
    (CUSTOMERS.replace("CUST-[0-9]+", "("), "cannot be used"), ('{"a": 1}', "list of at most"), ("[", "valid JSON"),
])
def test_resolvers_that_cannot_work_are_said_at_the_form(boss, server, written, problem) -> None:
    answer = boss.post(page_of(server), form(resolvers=written))
    assert answer.status_code == 200 and problem in str(answer.context["adminform"].form.errors)


def tool_form(**fields: str) -> dict[str, str]:
    return {"enabled": "on", "preview": "{}", "reversibility": "", "initial-preview": "{}", **fields}


def test_a_tools_preview_and_reversibility_are_set_in_the_admin(boss, server) -> None:
    wipe = server.tools.get(name="wipe")
    page = f"/admin/governance/tool/{wipe.pk}/change/"
    assert "Reversible until" in boss.get(page).content.decode()
    boss.post(page, tool_form(preview='{"dry_run": "get_customer"}', reversibility="Never."))
    wipe.refresh_from_db()
    assert (wipe.preview, wipe.reversibility) == ({"dry_run": "get_customer"}, "Never.")
    answer = boss.post(page, tool_form(preview='{"dry_run": "wipe"}'))
    assert "only reads" in str(answer.context["adminform"].form.errors)


def test_the_sentence_stands_before_a_decision_in_the_admin_too(boss, tool) -> None:
    request = extension(tool)
    for page in ("change", "approve"):
        text = boss.get(f"/admin/governance/governancerequest/{request.pk}/{page}/").content.decode()
        assert "wants to extend the payments of Ada Obi (BEN-123) by 14 days" in text
