"""The console's Stop page, and what a halt does to queue and request pages."""

import json

import pytest
from django.urls import reverse

from governance import actions
from governance.models import EvidenceEntry, Team
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_tool, make_viewer

pytestmark = pytest.mark.django_db


def subjects():
    tool = make_tool()
    return {"agent": make_agent("pay-desk"), "tool": tool, "server": tool.server, "team": Team.objects.default()}


def post(client, verb, kind, subject, reason="odd"):
    return client.post(reverse(verb, args=[kind, subject.pk]), {"reason": reason})


@pytest.mark.parametrize("kind", ["agent", "tool", "server", "team"])
def test_a_reviewer_halts_and_resumes_in_one_act_each(client, sarah, kind):
    client.force_login(sarah)
    subject = subjects()[kind]
    assert post(client, "halt", kind, subject).status_code == 302
    subject.refresh_from_db()
    assert subject.is_halted and "odd" in client.get(reverse("halts")).content.decode()
    assert post(client, "resume", kind, subject, "fine").status_code == 302
    subject.refresh_from_db()
    assert not subject.is_halted
    entries = [json.loads(entry.payload) for entry in EvidenceEntry.objects.order_by("id")]
    assert [entry["reason"] for entry in entries[-2:]] == ["odd", "fine"]
    assert EvidenceEntry.objects.latest("id").actor == "reviewer:sarah"


def test_without_a_reason_nothing_is_halted(client, sarah):
    client.force_login(sarah)
    agent = subjects()["agent"]
    response = post(client, "halt", "agent", agent, "")
    assert response.status_code == 422 and "Say why" in response.content.decode()
    agent.refresh_from_db()
    assert not agent.is_halted


def test_a_viewer_sees_and_does_not_halt(client):
    client.force_login(make_viewer())
    agent = subjects()["agent"]
    page = client.get(reverse("halts")).content.decode()
    assert "pay-desk" in page and "Halt now" not in page
    assert post(client, "halt", "agent", agent).status_code == 403


def test_what_other_teams_own_is_not_there(client):
    client.force_login(make_reviewer(team=make_team("Elsewhere")))
    agent = subjects()["agent"]
    assert "pay-desk" not in client.get(reverse("halts")).content.decode()
    assert post(client, "halt", "agent", agent).status_code == 404
    assert client.post("/halts/planet/1/halt/", {"reason": "x"}).status_code == 404


def test_a_get_changes_nothing_and_strangers_log_in_first(client):
    agent = subjects()["agent"]
    assert client.get(reverse("halts")).status_code == 302
    assert post(client, "halt", "agent", agent).status_code == 302
    client.force_login(make_reviewer())
    assert client.get(reverse("halt", args=["agent", agent.pk])).status_code == 405
    agent.refresh_from_db()
    assert not agent.is_halted


def test_a_parked_request_says_so_in_the_queue_and_on_its_page(client, sarah):
    client.force_login(sarah)
    request = make_request()
    actions.halt(request.agent, reason="It repeats itself.")
    assert ">parked<" in client.get(reverse("queue")).content.decode()
    page = client.get(request.get_absolute_url()).content.decode()
    assert "is halted: It repeats itself. It cannot be approved" in " ".join(page.split()) and "disabled" in page


def test_approving_a_parked_request_is_refused_with_the_reason(client, sarah):
    client.force_login(sarah)
    request = make_request()
    actions.halt(request.agent, reason="odd")
    response = client.post(reverse("decide", args=[request.reference]), {"verdict": "APPROVED"})
    assert response.status_code == 409 and "halted: odd" in response.content.decode()


def test_the_page_of_a_request_names_version_and_rule_in_words(client, sarah):
    client.force_login(sarah)
    text = "version: 1\nrules:\n  - {name: pay-carefully, preset: step-up, when: {tool: 'request_*'}}\n"
    actions.activate_policy(actions.save_policy(Team.objects.default(), text))
    page = client.get(make_request().get_absolute_url()).content.decode()
    assert "pay-carefully" in page and "of policy 1" in page
