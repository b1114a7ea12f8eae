"""What the welfare office says before a call runs; it changes nothing by saying so."""

from datetime import timedelta

import pytest

from governance import actions
from governance.insight import preview_of
from governance.models import Team
from governance.toolservers import Preview, backend_of
from governance.wording import day_in_words
from mcp_bridge.downstream.welfare.fields import FIELDS
from mcp_bridge.downstream.welfare.insight import LABELS
from mcp_bridge.models.welfare import Beneficiary, Extension, RecordChange
from tests.factories import make_request

pytestmark = pytest.mark.django_db


@pytest.fixture
def server():
    return actions.install_builtin_tools(Team.objects.default())


@pytest.fixture
def look(server):
    def look(tool: str, **arguments: object) -> Preview:
        return backend_of(server).preview(tool, arguments)

    return look


@pytest.fixture
def ada():
    return Beneficiary.objects.get(reference="BEN-123")


def rows(preview: Preview) -> dict[str, tuple[str, str]]:
    return {change.label: (change.before, change.after) for change in preview.changes}


def test_an_extension_shows_the_end_of_payments_and_the_count(look, ada) -> None:
    preview = look("request_payment_extension", beneficiary_id="BEN-123", days=14, reason="x")
    after = ada.entitled_until + timedelta(days=14)
    assert rows(preview) == {
        "payments run until": (day_in_words(ada.entitled_until), day_in_words(after)), "extensions": ("0", "1"),
    }
    assert "extends again" in preview.reversibility
    assert not Extension.objects.exists()


def test_the_preview_is_what_the_call_then_does(look, server, ada) -> None:
    preview = look("request_extension", beneficiary_id="BEN-123", days=5, reason="x")
    backend_of(server).call("request_extension", {"beneficiary_id": "BEN-123", "days": 5, "reason": "x"})
    ada.refresh_from_db()
    assert preview.changes[0].after == day_in_words(ada.entitled_until)


@pytest.mark.parametrize(("field", "value", "shown"), [
    ("monthly_amount", 700, ("540.00 EUR", "700.00 EUR")),
    ("bank_account", "XX22 ATLS 0000 0000 0009 99", ("XX11ATLS00000000000123", "XX22ATLS00000000000999")),
    ("status", "Suspended", ("active", "suspended")), ("household_size", 5, ("2", "5")),
])
def test_a_modification_shows_before_and_after(look, field, value, shown) -> None:
    preview = look("modify_welfare_record", beneficiary_id="BEN-123", field=field, new_value=value)
    assert rows(preview) == {str(LABELS[field]): shown}
    assert not RecordChange.objects.exists()


def test_a_value_that_is_there_already_is_said(look) -> None:
    preview = look("modify_welfare_record", beneficiary_id="BEN-123", field="monthly_amount", new_value="540")
    assert "already" in preview.note and not preview.changes[0].is_change


@pytest.mark.parametrize(("arguments", "words"), [
    ({"beneficiary_id": "BEN-152", "reason": "x"}, "Joaquim Teixeira (BEN-152) is suspended: the office would refuse"),
    ({"beneficiary_id": "BEN-999", "reason": "x"}, "There is no beneficiary"),
    ({"beneficiary_id": "BEN-123", "reason": "x", "days": 400}, "whole number from 1 to 90"),
    ({"beneficiary_id": "BEN-123"}, "Give a reason"),
])
def test_what_the_office_would_refuse_is_a_warning(look, arguments, words) -> None:
    preview = look("request_extension", **arguments)
    assert words in preview.warning and preview.changes == ()


def test_a_look_up_changes_nothing_and_says_so(look) -> None:
    assert "Nothing changes" in look("check_payment_status", beneficiary_id="BEN-123").note


def test_edited_arguments_have_their_own_preview(server) -> None:
    tool = server.tools.get(name="request_extension")
    request = make_request(tool=tool, arguments={"beneficiary_id": "BEN-123", "days": 14, "reason": "x"})
    one, other = preview_of(request), preview_of(request, {"beneficiary_id": "BEN-123", "days": 7, "reason": "x"})
    assert one.changes[0].before == other.changes[0].before and one.changes[0].after != other.changes[0].after


def test_every_field_has_a_label() -> None:
    assert LABELS.keys() == FIELDS.keys()


def test_names_and_what_is_foreseen_take_one_query_each(server, django_assert_num_queries) -> None:
    backend = backend_of(server)
    with django_assert_num_queries(1):
        names = backend.names(["BEN-123", " ben-131 ", "BEN-999", "BEN-１２３", "x" * 100, "Hardship"])
    assert names == {"BEN-123": "Ada Obi", " ben-131 ": "Henrik Solberg"}
    with django_assert_num_queries(1):
        ends = backend.foreseen([("request_extension", {"beneficiary_id": f"BEN-{n}"}) for n in (123, 152, 999)])
    assert list(ends[0]) == ["until"] and ends[1:] == [{"refused": True}] * 2
