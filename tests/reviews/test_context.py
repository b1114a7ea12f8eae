"""How people decided similar cases, and how the agent's last calls ended."""

import pytest

from governance.models import GovernanceRequest
from governance.states import Status
from reviews.context import recent_calls, similar_cases
from reviews.names import attach_names
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_tool

pytestmark = pytest.mark.django_db


def ask(person: str = "BEN-123", days: int = 14, **fields: object) -> GovernanceRequest:
    return make_request(arguments={"beneficiary_id": person, "days": days, "reason": "Hardship"}, **fields)


def test_the_most_similar_come_first_with_what_makes_them_similar(sarah) -> None:
    ask("BEN-140", 90, status=Status.DENIED, reviewer=sarah, reason="Too long.")
    same_person = ask("BEN-123", 30, status=Status.SUCCEEDED, reviewer=sarah, reason="I called her.")
    same = ask("BEN-123", 14, status=Status.DENIED, reviewer=sarah, reason="Twice.")
    found = similar_cases(sarah, ask("BEN-123", 14))
    assert [case.row for case in found.cases[:2]] == [same, same_person]
    assert found.cases[0].why[0] == "same arguments"
    assert "same beneficiary_id" in found.cases[1].why
    request = ask("BEN-123", 14)
    attach_names([request])
    assert "also about Ada Obi" in similar_cases(sarah, request).cases[1].why
    assert found.cases[1].decision.reason == "I called her."
    assert (found.approved, found.rejected, found.counts) == (1, 2, "1 approved · 2 rejected")


def test_a_number_near_by_is_said_and_comes_before_one_far_away(sarah) -> None:
    far = ask("BEN-101", 90, status=Status.DENIED, reviewer=sarah)
    near = ask("BEN-108", 13, status=Status.DENIED, reviewer=sarah)
    cases = similar_cases(sarah, ask("BEN-123", 14)).cases
    assert [case.row for case in cases] == [near, far]
    assert "days near: 13" in cases[0].why and not any("days" in why for why in cases[1].why)


def test_what_the_gateway_passed_alone_and_what_still_waits_are_no_cases(sarah) -> None:
    ask(status=Status.SUCCEEDED)
    ask(days=3)
    make_request(tool=make_tool("modify_welfare_record"), status=Status.DENIED, reviewer=sarah)
    found = similar_cases(sarah, ask(days=4))
    assert found.cases == () and found.counts == "0 approved · 0 rejected"


def test_at_most_five_are_shown_and_all_are_counted(sarah) -> None:
    for days in range(1, 8):
        ask(days=days, status=Status.DENIED, reviewer=sarah)
    found = similar_cases(sarah, ask(days=60))
    assert (len(found.cases), found.rejected) == (5, 7)


def test_somebody_of_another_team_sees_none(sarah) -> None:
    ask(status=Status.DENIED, reviewer=sarah)
    stranger = make_reviewer(team=make_team("Elsewhere"))
    found = similar_cases(stranger, ask(days=5))
    assert (found.cases, found.approved, found.rejected) == ((), 0, 0)
    assert recent_calls(stranger, ask(days=6).agent).calls == ()


def test_huge_arguments_are_not_read_to_be_compared(sarah) -> None:
    make_request(arguments={"text": "x" * 20_000}, status=Status.DENIED, reviewer=sarah)
    found = similar_cases(sarah, ask())
    assert found.cases == () and found.rejected == 1


def test_both_take_a_fixed_number_of_queries(sarah, django_assert_max_num_queries) -> None:
    for days in range(1, 12):
        ask(days=days, status=Status.DENIED, reviewer=sarah)
    request = ask(days=60)
    with django_assert_max_num_queries(7):
        similar_cases(sarah, request)
    with django_assert_max_num_queries(6):
        recent_calls(sarah, request.agent, before=request)


def test_the_last_ten_calls_of_the_agent_before_this_one_oldest_first(sarah) -> None:
    agent = make_agent("desk")
    ended = [Status.FAILED, Status.DENIED, Status.EXPIRED, *[Status.SUCCEEDED] * 8]
    rows = [make_request(agent=agent, status=status) for status in ended]
    request = make_request(agent=agent)
    make_request(agent=agent)
    make_request(agent=make_agent("other"))
    recent = recent_calls(sarah, agent, before=request)
    assert [call.row for call in recent.calls] == rows[1:]
    assert [(str(ending.label), count) for ending, count in recent.legend] == [
        ("done", 8), ("rejected", 1), ("expired", 1),
    ]
