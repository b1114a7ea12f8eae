"""History: every request, narrowed by filters and words, page by page, never past the window at once."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from governance.models import GovernanceRequest, User
from governance.states import Status
from reviews import queries
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_tool

pytestmark = pytest.mark.django_db


def found(client: Client, **query: object) -> list[str]:
    answer = client.get("/history/", query)
    assert answer.status_code == 200
    return [row.reference for row in answer.context["found"].rows]


def aged(request: GovernanceRequest, **age: float) -> str:
    GovernanceRequest.objects.filter(pk=request.pk).update(received_at=timezone.now() - timedelta(**age))
    return request.reference


def test_newest_first_in_every_status(as_sarah: Client) -> None:
    made = [make_request(status=status).reference for status in (Status.SUCCEEDED, Status.IN_REVIEW, Status.EXPIRED)]
    assert found(as_sarah) == made[::-1]


def test_other_teams_stay_hidden(as_sarah: Client) -> None:
    make_request(team=make_team())
    assert found(as_sarah) == []


def test_several_teams_come_in_one_order(sarah: User, as_sarah: Client) -> None:
    other = make_team()
    other.members.add(sarah, through_defaults={"role": "viewer"})
    made = [make_request(team=team).reference for team in (None, other, None, other)]
    assert found(as_sarah) == made[::-1]


def test_by_status(as_sarah: Client) -> None:
    denied = make_request(status=Status.DENIED, reason="No.").reference
    failed = make_request(status=Status.FAILED).reference
    make_request(status=Status.SUCCEEDED)
    assert found(as_sarah, status="denied") == [denied]
    assert found(as_sarah, status=["denied", "failed"]) == [failed, denied]


def test_by_agent_tool_and_both(as_sarah: Client) -> None:
    a, b, tool = make_agent("a"), make_agent("b"), make_tool("modify_welfare_record")
    first, second = make_request(agent=a).reference, make_request(agent=a, tool=tool).reference
    make_request(agent=b)
    assert found(as_sarah, agent=a.pk) == [second, first]
    assert found(as_sarah, tool=tool.pk) == [second]
    assert found(as_sarah, agent=a.pk, tool=tool.pk) == [second]
    assert found(as_sarah, agent=b.pk, tool=tool.pk) == []


def test_by_risk(as_sarah: Client) -> None:
    made = {risk: make_request(risk=risk).reference for risk in (71, 80, 99)}
    assert found(as_sarah, risk_from=75, risk_to=90) == [made[80]]
    assert found(as_sarah, risk_from=80) == [made[99], made[80]]


def test_by_day(as_sarah: Client) -> None:
    old, new = aged(make_request(), days=10), make_request().reference
    day = timezone.localdate()
    assert found(as_sarah, received_from=(day - timedelta(days=1)).isoformat()) == [new]
    assert found(as_sarah, received_to=(day - timedelta(days=5)).isoformat()) == [old]
    assert found(as_sarah, received_to=day.isoformat()) == [new, old]


def test_by_who_decided(as_sarah: Client, sarah: User) -> None:
    hers = make_request(status=Status.DENIED, reviewer=sarah, reason="No.").reference
    make_request(status=Status.DENIED, reviewer=make_reviewer("mona"), reason="No.")
    make_request(status=Status.SUCCEEDED)
    assert found(as_sarah, decided_by=sarah.pk) == [hers]


@pytest.mark.parametrize("word", ["ben-77", "hardSHIP", "rent is due", "two weeks", "pay-desk", "payment_ext"])
def test_words_are_found_in_arguments_reason_intent_agent_and_tool(as_sarah: Client, word: str) -> None:
    wanted = make_request(
        agent=make_agent("pay-desk-agent"), arguments={"beneficiary_id": "BEN-77", "reason": "Hardship"},
        stated_reason="The rent is due.", intent="Give me two weeks.",
    )
    make_request(agent=make_agent("x"), tool=make_tool("check"), arguments={"q": "nothing"})
    assert found(as_sarah, q=word) == [wanted.reference]


@pytest.mark.parametrize("word", ["100%", "a_b", "' OR 1=1 --", "\\"])
def test_signs_of_the_database_are_only_characters(as_sarah: Client, word: str) -> None:
    make_request(arguments={"q": "1000 axb"})
    assert found(as_sarah, q=word) == []


def test_a_whole_reference_leads_to_its_page(as_sarah: Client) -> None:
    request = make_request()
    make_request()
    assert as_sarah.get("/history/", {"q": request.reference})["Location"] == request.get_absolute_url()


def test_the_start_of_a_reference_is_enough(as_sarah: Client) -> None:
    made = []
    for tail in ("aaaa000000000001", "aaaa000000000002", "aaab000000000003"):
        request = make_request()
        GovernanceRequest.objects.filter(pk=request.pk).update(reference=f"evt_{tail}")
        made.append(f"evt_{tail}")
    assert found(as_sarah, q="evt_aaaa") == [made[1], made[0]]


def test_a_reference_of_another_team_is_not_found(as_sarah: Client) -> None:
    assert found(as_sarah, q=make_request(team=make_team()).reference) == []


def test_pages_go_on_and_back(as_sarah: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    made = [make_request().reference for _ in range(5)][::-1]
    first = as_sarah.get("/history/").context["found"].page
    second = as_sarah.get("/history/", {"after": first.next}).context["found"].page
    assert found(as_sarah, after=second.next) == made[4:]
    assert found(as_sarah, before=second.previous) == made[:2]


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize("same_instant", [False, True])
def test_a_narrowed_list_looks_through_one_window_at_a_time_and_misses_nothing(
    as_sarah: Client, monkeypatch: pytest.MonkeyPatch, size: int, same_instant: bool
) -> None:
    monkeypatch.setattr(queries, "WINDOW", 4)
    monkeypatch.setattr(queries, "PAGE_SIZE", size)
    made = [make_request(arguments={"n": n, "w": "needle" if n % 3 == 0 else "hay"}) for n in range(14)]
    if same_instant:
        GovernanceRequest.objects.update(received_at=timezone.now())
    seen, mark = [], ""
    for _ in range(20):
        here = as_sarah.get("/history/", {"q": "needle", "after": mark}).context["found"]
        seen += [row.reference for row in here.rows]
        mark = here.further or here.page.next
        if not mark:
            break
    assert len(seen) == len(set(seen))
    assert set(seen) == {row.reference for row in made[::3]}


def test_a_search_that_stopped_says_how_far_it_looked(as_sarah: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "WINDOW", 2)
    for _ in range(5):
        make_request()
    text = as_sarah.get("/history/", {"q": "absent"}).content.decode()
    assert "Looked through 2 requests" in text
    assert "Look further back" in text


def test_filters_are_chips_that_lead_to_the_address_without_them(as_sarah: Client) -> None:
    chips = as_sarah.get("/history/", {"status": ["denied", "failed"], "q": "x", "after": ""}).context["chips"]
    assert {chip.label: chip.without for chip in chips} == {
        "Search: x": "status=denied&status=failed",
        "Status: Rejected": "status=failed&q=x",
        "Status: Tool failed": "status=denied&q=x",
    }


@pytest.mark.parametrize(
    "query",
    [{"risk_from": "x"}, {"risk_from": "-1"}, {"received_from": "31.12."}, {"status": "nonsense"}, {"agent": "0"},
     {"decided_by": "x"}, {"q": "\x00"}, {"q": "x" * 300}],
)
def test_a_filter_that_cannot_be_read_narrows_nothing_and_breaks_nothing(as_sarah: Client, query: dict) -> None:
    request = make_request()
    assert found(as_sarah, **query) == [request.reference]


def test_an_empty_history_says_so(as_sarah: Client) -> None:
    assert "No agent has called yet." in as_sarah.get("/history/").content.decode()
    make_request()
    assert "No request fits." in as_sarah.get("/history/", {"q": "absent"}).content.decode()
