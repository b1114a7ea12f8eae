"""The pages of tools: their state, their definition, what they were asked for."""

import pytest
from django.test import Client
from django.utils import timezone

from governance.models import Tool
from governance.states import Status
from reviews import tallying
from tests.factories import make_request, make_team, make_tool

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "Offered"), ({"halted_at": timezone.now(), "halted_reason": "x"}, "Halted"),
        ({"enabled": False}, "Switched off"), ({"withdrawn_at": timezone.now()}, "Withdrawn"),
        ({"offered_digest": "e" * 64}, "Changed, quarantined"), ({"digest": ""}, "New, quarantined"),
    ],
)
def test_each_state_is_told(as_sarah: Client, fields: dict, state: str) -> None:
    tool = make_tool()
    Tool.objects.update(**fields)
    assert state in as_sarah.get("/tools/").content.decode()
    assert state in as_sarah.get(f"/tools/{tool.pk}/").content.decode()


def test_another_teams_tool_is_not_there(as_sarah: Client) -> None:
    foreign = make_tool("foreign_tool", team=make_team())
    assert b"foreign_" not in as_sarah.get("/tools/").content
    assert as_sarah.get(f"/tools/{foreign.pk}/").status_code == 404
    assert as_sarah.get("/tools/999999/").status_code == 404


@pytest.mark.parametrize("count", [lambda: None, tallying.tally_all])
def test_figures_and_requests_are_the_tools_own(as_sarah: Client, count) -> None:
    tool, other = make_tool("one"), make_tool("other")
    mine = make_request(tool=tool, status=Status.FAILED)
    make_request(tool=other)
    count()
    lines = {listed: sums["received"] for listed, sums in as_sarah.get("/tools/").context["lines"]}
    assert lines == {tool: 1, other: 1}
    page = as_sarah.get(f"/tools/{tool.pk}/")
    assert page.context["sums"]["failed"] == 1
    assert [row.reference for row in page.context["rows"]] == [mine.reference]


def test_definition_reversibility_and_preview_stand_on_the_page(as_sarah: Client) -> None:
    tool = make_tool(input_schema={"type": "object", "title": "</pre><script>"})
    Tool.objects.update(reversibility="until the next pay run", preview={"read": "check_payment_status"})
    page = as_sarah.get(f"/tools/{tool.pk}/").content.decode()
    assert tool.digest[:16] in page
    assert "until the next pay run" in page
    assert "check_payment_status is read and compared" in page
    assert "</pre><script>" not in page


def test_no_tool_at_all_says_where_tools_come_from(as_sarah: Client) -> None:
    assert b"There is no tool yet." in as_sarah.get("/tools/").content
