"""The queue page: what waits, for whom, in which order, page by page."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from governance import actions
from governance.models import GovernanceRequest, User
from governance.states import Status
from reviews import queries
from tests.factories import make_agent, make_request, make_reviewer, make_score, make_team, make_tool, overdue

pytestmark = pytest.mark.django_db


def shown(page: object) -> list[str]:
    return [row.reference for row in page.context["rows"]]


def test_nobody_sees_it_without_logging_in(client: Client) -> None:
    assert client.get("/queue/")["Location"] == "/login/?next=/queue/"


def test_it_shows_what_waits_and_nothing_else(as_sarah: Client) -> None:
    waiting = make_request()
    for status in (Status.RECEIVED, Status.SUCCEEDED, Status.DENIED, Status.EXPIRED):
        make_request(status=status)
    overdue(make_request())
    assert shown(as_sarah.get("/queue/")) == [waiting.reference]


def test_a_row_tells_what_would_happen_agent_tool_and_risk(as_sarah: Client) -> None:
    make_request(
        agent=make_agent("demo-agent"), risk=82, arguments={"beneficiary_id": "BEN-123", "days": 14, "reason": "x"}
    )
    text = " ".join(as_sarah.get("/queue/").content.decode().split())
    assert "<bdi>demo-agent</bdi>" in text
    assert "Extend the payments of " in text
    assert '<span class="said-what">Ada Obi</span><span class="said-id"> (BEN-123)</span> by ' in text
    assert '<span class="said-what">14 days</span>, until <span class="said-what">' in text
    assert "High</span> <b>82</b>" in text
    assert "request_payment_extension</code>" in text


def test_a_failed_score_has_no_figure(as_sarah: Client) -> None:
    make_request(score=make_score(failure="The scorer did not answer."))
    text = as_sarah.get("/queue/").content.decode()
    assert "No score" in text
    assert "<b>100</b>" not in text


def test_without_any_score_it_counts_as_100(as_sarah: Client) -> None:
    request = make_request(status=Status.SCORING)
    actions.triage(request.pk)
    request.refresh_from_db()
    assert (request.status, request.risk_score) == (Status.IN_REVIEW, 100)
    make_request(risk=90)
    assert shown(as_sarah.get("/queue/"))[0] == request.reference


def test_other_teams_stay_hidden(as_sarah: Client) -> None:
    make_request(team=make_team())
    assert shown(as_sarah.get("/queue/")) == []


def test_a_superuser_sees_every_team(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root", password="x"))
    both = {make_request(team=make_team()).reference, make_request().reference}
    assert set(shown(client.get("/queue/"))) == both


@pytest.mark.parametrize(("sort", "order"), [("risk", "bca"), ("deadline", "cab"), ("age", "abc"), ("junk", "bca")])
def test_it_is_sorted_as_asked(as_sarah: Client, sort: str, order: str) -> None:
    now = timezone.now()
    names = {}
    for name, risk, hours, age in (("a", 71, 2, 30), ("b", 99, 3, 20), ("c", 85, 1, 10)):
        request = make_request(risk=risk)
        GovernanceRequest.objects.filter(pk=request.pk).update(
            deadline=now + timedelta(hours=hours), received_at=now - timedelta(minutes=age)
        )
        names[request.reference] = name
    assert "".join(names[reference] for reference in shown(as_sarah.get("/queue/", {"sort": sort}))) == order


def test_filters_narrow_it(as_sarah: Client) -> None:
    agent, tool = make_agent("other"), make_tool("modify_welfare_record")
    make_request(agent=make_agent("demo-agent"))
    wanted = make_request(agent=agent, tool=tool)
    assert shown(as_sarah.get("/queue/", {"agent": agent.pk})) == [wanted.reference]
    assert shown(as_sarah.get("/queue/", {"tool": tool.pk})) == [wanted.reference]


def test_another_teams_agent_is_no_choice(as_sarah: Client) -> None:
    agent = make_agent("hidden-agent", team=make_team())
    make_request(agent=agent)
    page = as_sarah.get("/queue/", {"agent": agent.pk})
    assert "hidden-agent" not in page.content.decode()


def test_pages_follow_one_another(as_sarah: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    made = {make_request(risk=90 + i).reference for i in range(5)}
    page, seen = as_sarah.get("/queue/"), []
    while True:
        seen += shown(page)
        if not page.context["page"].next:
            break
        page = as_sarah.get("/queue/", {"after": page.context["page"].next})
    assert len(seen) == 5
    assert set(seen) == made


def test_a_damaged_page_mark_is_a_400_in_plain_words(as_sarah: Client) -> None:
    page = as_sarah.get("/queue/", {"after": "nonsense"})
    assert page.status_code == 400
    assert "cannot be read" in page.content.decode()


def test_an_empty_queue_tells_of_the_last_decision(as_sarah: Client) -> None:
    assert "No request has needed a person yet." in as_sarah.get("/queue/").content.decode()
    make_request(status=Status.DENIED, reviewer=make_reviewer("mona"), reason="No letter.")
    text = as_sarah.get("/queue/").content.decode()
    assert "Nothing waits." in text
    assert "by mona" in text


def test_the_number_of_what_waits_is_bounded(as_sarah: Client, sarah: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MANY", 3)
    for _ in range(5):
        make_request()
    assert queries.count_waiting(sarah) == 3


def test_a_page_of_rows_takes_a_fixed_number_of_queries(
    as_sarah: Client, django_assert_max_num_queries: object
) -> None:
    for _ in range(20):
        make_request()
    with django_assert_max_num_queries(18):
        as_sarah.get("/queue/")


def test_the_fragment_holds_rows_only(as_sarah: Client) -> None:
    request = make_request()
    text = as_sarah.get("/queue/rows/").content.decode()
    assert request.reference in text
    assert "<html" not in text


def test_the_row_fragment_shows_who_decided(as_sarah: Client) -> None:
    request = make_request(status=Status.DENIED, reviewer=make_reviewer("mona"), reason="No.")
    text = as_sarah.get(f"/queue/rows/{request.reference}/").content.decode()
    assert "row-gone" in text
    assert "Rejected" in text
    assert "by mona" in text


def test_the_row_fragment_of_another_team_is_404(as_sarah: Client) -> None:
    assert as_sarah.get(f"/queue/rows/{make_request(team=make_team()).reference}/").status_code == 404
