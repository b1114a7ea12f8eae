"""The form for a call's arguments: drawn from the schema, exact about what nobody touched."""

from typing import Any

import pytest

from reviews.schema_forms import MAX_FIELDS, SchemaForm, schema_form

SCHEMA = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "title": "Beneficiary", "description": "Whose payment."},
        "amount": {"type": "number", "minimum": 1, "maximum": 900},
        "days": {"type": "integer", "default": 3},
        "urgent": {"type": "boolean"},
        "field": {"enum": ["iban", "name", 3]},
        "version": {"const": "x"},
        "until": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "address": {"$ref": "#/$defs/Address"},
        "loop": {"$ref": "#/$defs/Loop"},
    },
    "$defs": {
        "Address": {"type": "object", "properties": {"street": {"type": "string"}}, "required": ["street"]},
        "Loop": {"$ref": "#/$defs/Loop"},
    },
}


def drawn(arguments: dict[str, Any], schema: dict[str, Any] = SCHEMA) -> SchemaForm:
    return schema_form(schema, arguments, arguments)


def sent(form: SchemaForm, **typed: str) -> dict[str, str]:
    """What a browser sends: every control as it stands, but for these; line ends as CRLF."""
    data = {one.name: one.text.replace("\n", "\r\n") for one in form.all_fields() if one.kind != "group"}
    return {**data, **{f"a/{name.replace('__', '/')}": text for name, text in typed.items()}}


def edited(arguments: dict[str, Any], schema: dict[str, Any] = SCHEMA, **typed: str) -> dict[str, Any]:
    form = drawn(arguments, schema)
    result = form.read(sent(form, **typed))
    assert not form.is_wrong, [(one.path, one.error) for one in form.all_fields() if one.error]
    return result


def test_each_type_has_its_control() -> None:
    kinds = {one.key: one.kind for one in drawn({"id": "BEN-1"}).fields}
    assert kinds == {
        "id": "text", "amount": "number", "days": "integer", "urgent": "choice", "field": "choice", "version": "fixed",
        "until": "date", "tags": "list", "note": "text", "either": "json", "address": "group", "loop": "json",
    }


@pytest.mark.parametrize("arguments", [
    {},
    {"id": "", "amount": 1.0, "days": 9007199254740991, "urgent": False},
    {"id": "two\nlines ", "note": None, "tags": [], "field": "nobody offered this"},
    {"id": 5, "days": "12", "amount": None, "tags": ["a\nb", ""], "address": [1]},
    {"id": "a\u200bb\r\nc", "until": "tomorrow", "unknown": {"deep": [{"x": 1.50}]}, "extra": True, "n": 1e21},
    {"address": {"street": "Main", "extra": "kept"}, "either": "5", "loop": {"a": None}},
])  # fmt: skip
def test_what_nobody_touches_stays_exactly_as_it_was(arguments: dict[str, Any]) -> None:
    result = edited(arguments)
    assert repr(result) == repr(arguments)


def test_changed_values_have_the_types_of_the_schema() -> None:
    result = edited(
        {"id": "BEN-1", "amount": 1.0}, amount="2.5", days="7", urgent="=true", field="=3", until="2027-03-01",
        tags="a\r\nb", note="x", either="[1, 2]", address__street="Main",
    )
    assert result == {
        "id": "BEN-1", "amount": 2.5, "days": 7, "urgent": True, "field": 3, "until": "2027-03-01", "tags": ["a", "b"],
        "note": "x", "either": [1, 2], "address": {"street": "Main"},
    }
    assert type(result["days"]) is int


def test_an_empty_control_leaves_out_what_is_optional_and_sends_null_where_null_is_a_value() -> None:
    assert edited({"id": "BEN-1", "days": 3, "note": "x"}, days="", note="") == {"id": "BEN-1", "note": None}
    assert edited({"id": "BEN-1"}, id="") == {"id": ""}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"days": "1.5"}, "whole number"), ({"days": "99999999999999999"}, "too large"), ({"amount": "1,5"}, "12.5"),
        ({"until": "soon"}, "YYYY-MM-DD"), ({"either": "{"}, "not JSON"), ({"either": '{"a":1,"a":2}'}, "twice"),
        ({"either": "NaN"}, "no JSON value"), ({"either": "[1e999]"}, "too large"),
        ({"field": "=\"other\""}, "one of the list"), ({"amount": "1e999"}, "too large"),
        ({"either": "[" * 20_000}, "deeply"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_at_its_field(typed: dict[str, str], words: str) -> None:
    form = drawn({"id": "BEN-1"})
    form.read(sent(form, **typed))
    [wrong] = [one for one in form.all_fields() if one.error]
    assert wrong.key in typed
    assert words in wrong.error
    assert wrong.text == next(iter(typed.values()))


def test_hints_titles_and_bounds_are_in_words() -> None:
    fields = {one.key: one for one in drawn({"id": "BEN-1"}).fields}
    assert (fields["id"].label, fields["id"].hint) == ("Beneficiary", "Whose payment.")
    assert fields["amount"].limits == "From 1 to 900."
    assert "the tool takes 3" in fields["days"].empty_means


def test_a_huge_schema_makes_no_huge_page() -> None:
    schema = {"type": "object", "properties": {f"p{i}": {"type": "object", "properties": {
        f"q{j}": {"type": "string"} for j in range(60)
    }} for i in range(60)}}  # fmt: skip
    assert sum(1 for _one in drawn({}, schema).all_fields()) < MAX_FIELDS + 70
    flat = {"properties": {f"p{i}": {"type": "string"} for i in range(5000)}}
    assert len(drawn({"p4000": "x"}, flat).fields) <= MAX_FIELDS
    assert "p4000" in {one.key for one in drawn({"p4000": "x"}, flat).fields}
    deep: dict[str, Any] = {"type": "string"}
    for _level in range(50):
        deep = {"type": "object", "properties": {"in": deep}}
    assert [one.kind for one in drawn({}, deep).all_fields()][-1] == "json"


def test_a_schema_that_is_none_draws_the_arguments_by_their_values() -> None:
    for schema in ({}, {"type": "object"}, {"properties": 5, "required": 5}, {"properties": {"a": 7}}):
        form = drawn({"a": "x", "b": 2, "c": [1]}, schema)
        assert [one.key for one in form.fields] == ["a", "b", "c"]
