"""Editing a call: a form, the difference, then exactly what was shown runs."""

import html
import re

import pytest
from django.core import signing
from django.test import Client

from governance import actions
from governance.models import GovernanceRequest, User
from governance.states import Status
from tests.factories import make_request, make_reviewer, make_tool, overdue

pytestmark = pytest.mark.django_db

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 30},
        "address": {"type": "object", "properties": {"street": {"type": "string", "minLength": 3}}},
    },
    "required": ["id"],
    "additionalProperties": False,
}
ARGUMENTS = {"id": "BEN-123", "days": 14, "address": {"street": "Main Road"}}


@pytest.fixture
def request_() -> GovernanceRequest:
    return make_request(tool=make_tool("pay", input_schema=SCHEMA), arguments=ARGUMENTS)


def edit(client: Client, request: GovernanceRequest, **data: str) -> tuple[int, str]:
    answer = client.post(f"/requests/{request.reference}/edit/", {f"a/{name}": text for name, text in data.items()})
    return answer.status_code, answer.content.decode()


def signed_field(page: str) -> str:
    return html.unescape(re.search(r'name="edited" value="([^"]+)"', page)[1])


def confirm(client: Client, request: GovernanceRequest, field: str, **data: str) -> int:
    data = {"verdict": "APPROVED", "edited": field, **data}
    return client.post(f"/requests/{request.reference}/decide/", data).status_code


def test_the_form_has_every_argument_as_it_was_sent(as_sarah: Client, request_: GovernanceRequest) -> None:
    page = as_sarah.get(f"/requests/{request_.reference}/edit/").content.decode()
    for name, text in (("a/id", "BEN-123"), ("a/days", "14"), ("a/address/street", "Main Road")):
        assert f'name="{name}" value="{text}"' in page


def test_the_difference_is_shown_and_then_runs(as_sarah: Client, request_: GovernanceRequest) -> None:
    status, page = edit(as_sarah, request_, days="7")
    assert status == 200
    assert "<del>14</del>" in page
    assert "<ins>7</ins>" in page
    assert GovernanceRequest.objects.get().status == Status.IN_REVIEW
    assert confirm(as_sarah, request_, signed_field(page), reason="Seven are enough.") == 302
    decision = request_.decisions.get()
    assert (decision.arguments, decision.reason) == ({**ARGUMENTS, "days": 7}, "Seven are enough.")
    assert "<ins>7</ins>" in as_sarah.get(request_.get_absolute_url()).content.decode()


def test_a_value_that_the_schema_refuses_is_said_at_its_field(as_sarah: Client, request_: GovernanceRequest) -> None:
    status, page = edit(as_sarah, request_, **{"days": "99", "address/street": "x", "id": "BEN-9"})
    assert status == 422
    assert "It must be at most 30." in page
    assert "It needs at least 3 characters." in page
    assert page.count('aria-invalid="true"') == 2
    assert 'value="BEN-9"' in page


def test_an_edit_that_changes_nothing_is_no_edit(as_sarah: Client, request_: GovernanceRequest) -> None:
    status, page = edit(as_sarah, request_, id="BEN-123", days="14")
    assert status == 422
    assert "Nothing is changed." in page


def test_one_can_go_on_editing_after_the_difference(as_sarah: Client, request_: GovernanceRequest) -> None:
    field = signed_field(edit(as_sarah, request_, days="7")[1])
    page = as_sarah.post(f"/requests/{request_.reference}/edit/", {"edited": field}).content.decode()
    assert 'name="a/days" value="7"' in page


def test_only_what_was_shown_to_this_person_for_this_call_is_taken(
    as_sarah: Client, request_: GovernanceRequest, sarah: User
) -> None:
    field = signed_field(edit(as_sarah, request_, days="7")[1])
    other = make_request(tool=request_.tool, arguments={"id": "BEN-5"})
    mona = Client()
    mona.force_login(make_reviewer("mona"))
    for client, request, text in (
        (as_sarah, other, field), (mona, request_, field), (as_sarah, request_, field[:-2]), (as_sarah, request_, "x"),
        (as_sarah, request_, signing.dumps(["x"], salt="other")),
    ):
        assert confirm(client, request, text) == 422
    assert set(GovernanceRequest.objects.values_list("status", flat=True)) == {Status.IN_REVIEW}


def test_a_field_from_before_the_undo_is_not_taken(as_sarah: Client, request_: GovernanceRequest, sarah: User) -> None:
    field = signed_field(edit(as_sarah, request_, days="7")[1])
    confirm(as_sarah, request_, field)
    actions.undo(request_, reviewer=sarah)
    assert confirm(as_sarah, request_, field) == 422


def test_a_difference_that_was_shown_too_long_ago_is_not_taken(
    as_sarah: Client, request_: GovernanceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = signed_field(edit(as_sarah, request_, days="7")[1])
    monkeypatch.setattr("reviews.edits.SHOWN_FOR", -1)
    assert confirm(as_sarah, request_, field) == 422
    assert not request_.decisions.exists()


def test_in_place_the_form_comes_without_the_page(as_sarah: Client, request_: GovernanceRequest) -> None:
    answer = as_sarah.get(f"/requests/{request_.reference}/edit/", headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()
    assert 'name="a/days"' in answer.content.decode()


def test_what_waits_no_more_or_is_read_by_somebody_else_is_not_edited(
    as_sarah: Client, request_: GovernanceRequest
) -> None:
    actions.claim(request_, reviewer=make_reviewer("mona"))
    assert edit(as_sarah, request_, days="7")[0] == 409
    assert edit(as_sarah, overdue(make_request()), days="7")[0] == 409


def test_hidden_characters_survive_an_edit_of_something_else(as_sarah: Client) -> None:
    request = make_request(tool=make_tool("send"), arguments={"to": "a\u200bb", "days": 1})
    page = as_sarah.get(f"/requests/{request.reference}/edit/").content.decode()
    assert "&quot;a\\u200bb&quot;" in page
    confirm(as_sarah, request, signed_field(edit(as_sarah, request, to='"a\\u200bb"', days="2")[1]))
    assert request.decisions.get().arguments == {"to": "a\u200bb", "days": 2}
