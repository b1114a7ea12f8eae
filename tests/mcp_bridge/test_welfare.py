"""The built-in welfare tools, through the tool server seam and the real tables."""

from datetime import date, timedelta

import pytest
from django.apps import apps
from django.utils import timezone

from governance import actions
from governance.errors import DownstreamFailed
from governance.models import Team, Tool
from governance.schemas import validate_arguments
from governance.toolservers import ToolResult, backend_of
from mcp_bridge.apps import open_the_office
from mcp_bridge.downstream.welfare.fields import FIELDS
from mcp_bridge.downstream.welfare.seed import PEOPLE, first_of_month, last_of_month, seed_beneficiaries
from mcp_bridge.models import Beneficiary, Extension, Payment, RecordChange
from tests.factories import make_reviewer, make_team

pytestmark = pytest.mark.django_db

EXTENSION_TOOLS = ["request_extension", "request_payment_extension"]
GOOD_VALUES = {
    "address": "3 Almond Street, Port Ellery", "bank_account": "XX22 ATLS 0000 0000 0009 99", "household_size": 5,
    "monthly_amount": 412.5, "phone": "+1 555 0100 999", "status": "Suspended",
    "entitled_until": (timezone.localdate() + timedelta(days=100)).isoformat(),
    "next_payment_on": (timezone.localdate() + timedelta(days=9)).isoformat(),
}


@pytest.fixture
def server():
    return actions.install_builtin_tools(Team.objects.default())


@pytest.fixture
def call(server):
    def call(tool: str, **arguments) -> ToolResult:
        return backend_of(server).call(tool, arguments)

    return call


@pytest.fixture
def ada():
    return Beneficiary.objects.get(reference="BEN-123")


def text_of(result: ToolResult) -> str:
    return result.content[0]["text"]


def test_a_payment_status_tells_amount_next_date_and_status(call, ada):
    result = call("check_payment_status", beneficiary_id=" ben-123 ")
    assert not result.is_error
    assert result.structured["monthly_amount"] == "540.00"
    assert result.structured["next_payment_on"] == ada.next_payment_on.isoformat()
    assert result.structured["status"] == "active"
    assert [payment["status"] for payment in result.structured["latest_payments"]] == ["paid"] * 3
    assert "Ada Obi (BEN-123)" in text_of(result)
    assert "540.00 EUR" in text_of(result)


@pytest.mark.parametrize("tool", EXTENSION_TOOLS)
def test_an_extension_moves_the_end_of_payments_and_is_counted(call, ada, tool, server):
    result = call(tool, beneficiary_id="BEN-123", reason="Lost her job", days=14)
    after = ada.entitled_until + timedelta(days=14)
    assert not result.is_error
    assert result.structured["before"] == ada.entitled_until.isoformat()
    assert result.structured["after"] == after.isoformat()
    assert Beneficiary.objects.get(pk=ada.pk).entitled_until == after
    row = Extension.objects.get()
    assert (row.days, row.reason, row.until_before, row.until_after, row.server) == (
        14, "Lost her job", ada.entitled_until, after, server,
    )
    assert call("check_payment_status", beneficiary_id="BEN-123").structured["extensions"] == 1


@pytest.mark.parametrize("tool", EXTENSION_TOOLS)
def test_days_may_be_left_out(call, tool):
    assert call(tool, beneficiary_id="BEN-123", reason="Illness").structured["days"] == 30


def test_an_entitlement_that_ended_goes_on_from_today(call, ada):
    Beneficiary.objects.filter(pk=ada.pk).update(entitled_until=date(2020, 1, 31))
    result = call("request_extension", beneficiary_id="BEN-123", reason="Late papers", days=10)
    assert result.structured["after"] == (timezone.localdate() + timedelta(days=10)).isoformat()


@pytest.mark.parametrize("tool", ["check_payment_status", *EXTENSION_TOOLS, "modify_welfare_record"])
@pytest.mark.parametrize("given", ["BEN-132", "BEN-999999", "Ada", "", "BEN-１２３"])
def test_an_unknown_beneficiary_is_a_tool_error_that_says_what_to_do(call, tool, given):
    result = call(tool, beneficiary_id=given, reason="x", field="status", new_value="active")
    assert result.is_error
    assert result.structured["error"] == "unknown_beneficiary"
    assert "An id is BEN- and its digits" in text_of(result)
    assert not Extension.objects.exists()
    assert not RecordChange.objects.exists()


def test_the_closest_ids_are_named(call):
    result = call("check_payment_status", beneficiary_id="BEN-132")
    assert {"BEN-123", "BEN-131"} <= set(result.structured["closest_ids"])
    assert "BEN-123" in text_of(result)


@pytest.mark.parametrize("days", [0, -1, 91, 1.5, True, "30", None, float("nan"), float("inf")])
def test_invalid_days_are_a_tool_error(call, days):
    result = call("request_extension", beneficiary_id="BEN-123", reason="x", days=days)
    assert result.is_error
    assert "whole number from 1 to 90" in text_of(result)
    assert not Extension.objects.exists()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001, 7])
def test_an_extension_needs_a_reason(call, reason):
    result = call("request_extension", beneficiary_id="BEN-123", reason=reason)
    assert result.structured["error"] == "invalid_reason"


@pytest.mark.parametrize("reference", ["BEN-152", "BEN-196"])
def test_suspended_and_closed_beneficiaries_get_no_extension(call, reference):
    result = call("request_extension", beneficiary_id=reference, reason="x")
    assert result.structured["error"] == "not_active"
    assert "case worker" in text_of(result)


def test_there_is_a_good_value_for_every_field():
    assert set(GOOD_VALUES) == set(FIELDS)


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_a_modification_keeps_and_returns_before_and_after(call, ada, field):
    before = str(getattr(ada, field))
    result = call(
        "modify_welfare_record", beneficiary_id="BEN-123", field=field, new_value=GOOD_VALUES[field], reason="Moved"
    )
    after = str(getattr(Beneficiary.objects.get(pk=ada.pk), field))
    assert not result.is_error, text_of(result)
    assert before != after
    assert (result.structured["before"], result.structured["after"]) == (before, after)
    row = RecordChange.objects.get()
    assert (row.beneficiary, row.field, row.before, row.after, row.reason) == (ada, field, before, after, "Moved")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", "x"), ("address", 12), ("address", "a" * 201), ("address", "line\nbreak in it"),
        ("bank_account", "12345"), ("bank_account", "DE" + "1" * 40),
        ("entitled_until", "31.12.2027"), ("entitled_until", "2027-02-30"), ("entitled_until", "2020-01-01"),
        ("entitled_until", "9999-12-31"), ("entitled_until", 20270101), ("next_payment_on", "tomorrow"),
        ("household_size", 0), ("household_size", 31), ("household_size", "two"), ("household_size", True),
        ("monthly_amount", -1), ("monthly_amount", "10000.01"), ("monthly_amount", "1.005"),
        ("monthly_amount", "NaN"), ("monthly_amount", "sNaN"), ("monthly_amount", "1e999999"), ("monthly_amount", ""),
        ("phone", "call me"), ("phone", "1" * 21), ("status", "deleted"), ("status", None),
    ],
)
def test_an_invalid_value_is_a_tool_error_that_says_what_fits(call, ada, field, value):
    result = call("modify_welfare_record", beneficiary_id="BEN-123", field=field, new_value=value)
    assert result.is_error
    assert result.structured["error"] == "invalid_value"
    assert FIELDS[field].expects in text_of(result)
    assert not RecordChange.objects.exists()
    assert getattr(Beneficiary.objects.get(pk=ada.pk), field) == getattr(ada, field)


@pytest.mark.parametrize("field", ["name", "id", "reference", "__class__", "", None, 3, ["status"]])
def test_an_unknown_field_is_a_tool_error_that_names_the_fields(call, field):
    result = call("modify_welfare_record", beneficiary_id="BEN-123", field=field, new_value="x")
    assert result.structured["error"] == "unknown_field"
    assert "monthly_amount" in text_of(result)


def test_an_unknown_tool_certainly_had_no_effect(call):
    with pytest.raises(DownstreamFailed, match="no tool named delete_everything"):
        call("delete_everything")


def test_only_the_read_is_declared_safe_to_repeat(server):
    tools = {tool.name: tool for tool in Tool.objects.filter(server=server)}
    assert set(tools) == {"check_payment_status", *EXTENSION_TOOLS, "modify_welfare_record"}
    assert {name for name, tool in tools.items() if tool.is_read_only} == {"check_payment_status"}
    assert {name for name, tool in tools.items() if tool.is_idempotent} == {"check_payment_status"}
    assert {name for name, tool in tools.items() if tool.annotations["destructiveHint"]} == {"modify_welfare_record"}


def test_the_schemas_are_usable_closed_and_bounded(server):
    good = {
        "check_payment_status": {"beneficiary_id": "BEN-123"},
        "request_extension": {"beneficiary_id": "BEN-123", "reason": "x", "days": 3},
        "request_payment_extension": {"beneficiary_id": "BEN-123", "reason": "x"},
        "modify_welfare_record": {"beneficiary_id": "BEN-123", "field": "phone", "new_value": "+15550100"},
    }
    for tool in Tool.objects.filter(server=server):
        validate_arguments(tool, good[tool.name])
        assert tool.input_schema["additionalProperties"] is False
        for property_ in tool.input_schema["properties"].values():
            assert property_["description"]
            if "string" in property_["type"] and "enum" not in property_:
                assert property_["maxLength"]


def test_the_register_is_seeded_and_seeding_never_overwrites(ada):
    assert Beneficiary.objects.count() == len(PEOPLE) >= 12
    Beneficiary.objects.filter(pk=ada.pk).update(name="Ada Obi-Larsen")
    Beneficiary.objects.filter(reference="BEN-204").delete()
    payments = Payment.objects.count()
    assert seed_beneficiaries() == 1
    assert seed_beneficiaries() == 0
    assert Beneficiary.objects.get(pk=ada.pk).name == "Ada Obi-Larsen"
    assert Payment.objects.count() == payments + 3


def test_every_seeded_value_is_one_that_the_office_itself_accepts():
    for person in Beneficiary.objects.all():
        person.full_clean()
        for name in ("address", "bank_account", "phone", "household_size", "monthly_amount"):
            assert FIELDS[name].read(str(getattr(person, name))) == getattr(person, name)


def test_a_migrate_that_leaves_no_register_seeds_nothing():
    class Without:
        @staticmethod
        def get_model(app: str, name: str) -> None:
            raise LookupError

    Payment.objects.all().delete()
    Beneficiary.objects.all().delete()
    open_the_office(apps.get_app_config("mcp_bridge"), apps=Without)
    assert not Beneficiary.objects.exists()


def test_months_roll_over_the_year():
    assert first_of_month(date(2026, 12, 31), 1) == date(2027, 1, 1)
    assert first_of_month(date(2026, 1, 15), -2) == date(2025, 11, 1)
    assert last_of_month(date(2028, 1, 31), 1) == date(2028, 2, 29)


def test_a_team_sees_only_what_its_own_server_did(call):
    call("request_extension", beneficiary_id="BEN-123", reason="x")
    call("modify_welfare_record", beneficiary_id="BEN-123", field="phone", new_value="+15550100")
    colleague, stranger = make_reviewer(), make_reviewer(team=make_team())
    for model in (Extension, RecordChange):
        assert model.objects.visible_to(colleague).count() == 1
        assert model.objects.visible_to(stranger).count() == 0
    assert Beneficiary.objects.visible_to(stranger).count() == len(PEOPLE)
    stranger.is_active = False
    assert not Beneficiary.objects.visible_to(stranger).exists()
