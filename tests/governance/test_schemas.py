"""Schemas come from tool servers and arguments from agents: neither holds the gateway, both get a clear answer."""

from typing import Any

import pytest
from jsonschema.exceptions import SchemaError
from referencing.exceptions import Unresolvable

from governance.canonical import MAX_DEPTH
from governance.errors import InvalidArguments
from governance.models import Tool
from governance.schema_bounds import MAX_STEPS, Bounded, TooComplex, compiled
from governance.schemas import validate_arguments

BACKTRACKING = "^(a+)+$"  # with Python's own engine the text below takes 2^60 steps
TEXT = "a" * 60 + "!"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def first_error(schema: Any, arguments: Any) -> str:
    error = next(Bounded(schema).iter_errors(arguments), None)
    return "" if error is None else error.message


def doubling(levels: int, **last: Any) -> dict[str, Any]:
    """2^levels ways lead to the same subschema."""
    parts: dict[str, Any] = {"a0": {"type": "object", **last}}
    for level in range(1, levels + 1):
        parts[f"a{level}"] = {"allOf": [{"$ref": f"#/$defs/a{level - 1}"}] * 2}
    return {"$defs": parts, "$ref": f"#/$defs/a{levels}"}


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"properties": {"a": {"pattern": BACKTRACKING}}}, id="plain"),
        pytest.param({"$schema": DRAFT_7, "properties": {"a": {"pattern": BACKTRACKING}}}, id="an older dialect"),
        pytest.param({"properties": {"a": {"$schema": DRAFT_7, "pattern": BACKTRACKING}}}, id="a dialect within"),
        pytest.param({"properties": {"a": {"items": True, "anyOf": [{"pattern": BACKTRACKING}]}}}, id="in anyOf"),
        pytest.param({"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": {"pattern": BACKTRACKING}}}}}, id="ref"),
    ],
)
def test_a_pattern_made_to_backtrack_is_answered_at_once(schema):
    assert "!" in first_error(schema, {"a": TEXT})


@pytest.mark.parametrize(
    "schema",
    [
        {"patternProperties": {BACKTRACKING: {}}, "additionalProperties": False},
        {"propertyNames": {"pattern": BACKTRACKING}},
        {"patternProperties": {BACKTRACKING: False}, "additionalProperties": {"type": "string"}},
    ],
)
def test_patterns_of_names_are_bounded_too(schema):
    assert first_error(schema, {TEXT: 1})


def test_patterns_of_names_left_to_unevaluated_properties_are_not_looked_at():
    schema = {"patternProperties": {BACKTRACKING: {}}, "unevaluatedProperties": False}
    assert first_error(schema, {TEXT: 1}) == ""


@pytest.mark.parametrize(
    "pattern", ["(a{1000}){100}", "((a{1,90}){1,90}){1,90}", r"(?=a)(a+)+$", r"(a+)\1+$", "[a", "(" * 900]
)
def test_a_pattern_that_cannot_be_bounded_is_left_to_the_server(pattern):
    assert first_error({"properties": {"a": {"pattern": pattern}}}, {"a": "a" * 200_000 + "!"}) == ""


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        pytest.param(doubling(40), {}, id="doubled references"),
        pytest.param({"$ref": "#"}, {}, id="a loop"),
        pytest.param({"properties": {"a": {"$ref": "#/properties/a"}}}, {"a": 1}, id="a loop below"),
        pytest.param(
            {"$defs": {f"d{n}": {"$anchor": f"n{n}"} for n in range(1_000)}, "items": {"$ref": "#n999"}},
            [1] * 20_000, id="thousands of references by name",
        ),
        pytest.param(
            {"anyOf": [{"type": "string"}] * 2_000}, {f"k{n}": n for n in range(10_000)},
            id="thousands of long messages",
        ),
        pytest.param({"allOf": [{"items": {}}] * 2_000}, [1] * 60_000, id="many rounds through a long list"),
        pytest.param(
            {"items": {"required": [f"p{n}" for n in range(2_000)]}}, [{f"p{n}": 0 for n in range(2_000)}] * 5_000,
            id="many rounds through a long keyword",
        ),
    ],
)
def test_what_would_take_for_ever_is_refused_in_words(schema, arguments):
    with pytest.raises(TooComplex, match="so the call is refused"):
        list(Bounded(schema).iter_errors(arguments))


def test_references_doubled_below_dependent_schemas_are_refused():
    ways = {
        f"a{level}": {"dependentSchemas": {name: {"$ref": f"#/$defs/a{level - 1}"} for name in "xy"}}
        for level in range(1, 41)
    }
    schema = {"$defs": {"a0": {}, **ways}, "$ref": "#/$defs/a40", "unevaluatedProperties": False}
    with pytest.raises(TooComplex):
        first_error(schema, {"x": 1, "y": 2})


@pytest.mark.parametrize("count", [5_000, 30_000])
def test_a_schema_of_thousands_of_properties_is_refused_once_and_for_all(count):
    text = '{"properties": {' + ", ".join(f'"p{n}": {{"type": "string"}}' for n in range(count)) + "}}"
    assert isinstance(found := compiled(text), TooComplex)
    assert compiled(text) is found


def test_a_schema_that_calls_itself_the_meta_schema_is_bounded_as_well():
    schema = {
        "$dynamicAnchor": "meta", "$ref": "https://json-schema.org/draft/2020-12/schema", "pattern": BACKTRACKING,
    }
    assert first_error(schema, {"properties": {"x": TEXT}})


def test_a_loop_ends_long_before_the_stack_does():
    """At the stack's end the library's Rust part panics, with what is no Exception."""
    loop = Bounded({"type": "object", "$ref": "#", "allOf": [{"$ref": "#"}]})

    def from_below(frames: int) -> None:
        if frames:
            from_below(frames - 1)
            return
        with pytest.raises(TooComplex, match="without an end"):
            list(loop.iter_errors({}))

    from_below(60)


def test_a_tree_as_deep_as_arguments_may_be_is_checked():
    children = {"type": "array", "items": {"$ref": "#/$defs/node"}}
    schema = {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"of": children}}}}
    tree: dict[str, Any] = {}
    for _ in range(MAX_DEPTH // 2 - 1):
        tree = {"of": [tree]}
    assert first_error(schema, tree) == ""


def test_nothing_is_fetched():
    with pytest.raises(Unresolvable):
        first_error({"$ref": "http://127.0.0.1:9/schema"}, {})


def test_what_is_no_schema_is_said_to_be_none():
    with pytest.raises(SchemaError):
        Bounded({"type": "objct"})


@pytest.mark.parametrize(
    ("items", "is_unique"),
    [
        ([1, True, "1", [1], {"a": 1}, {"a": True}], True), ([0, False], True), ([1, 1.0], False),
        ([{"a": [1, 2], "b": 3}, {"b": 3, "a": [1, 2]}], False), ([[True], [1]], True), ([None, None], False),
    ],
)
def test_items_are_unique_as_json_values(items, is_unique):
    assert (first_error({"uniqueItems": True}, items) == "") is is_unique


def test_a_long_list_of_mixed_items_is_compared_once():
    assert first_error({"uniqueItems": True}, [n if n % 2 else str(n) for n in range(60_000)]) == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"id": "BEN-1", "days": 14, "tags": ["a"]}, ""), ({"id": "BEN-1\n"}, "id: "), ({"id": "ben-1"}, "id: "),
        ({"id": "BEN-1", "days": 1.5}, "days: "), ({}, "'id' is a required property"),
        ({"id": "BEN-1", "more": 1}, "Additional properties are not allowed ('more' was unexpected)"),
        ({"id": "BEN-1", "x-a": 1}, "1 is not of type"), ({"id": "BEN-1", "x-a": "b"}, ""),
    ],
)
def test_ordinary_schemas_mean_what_they_say(arguments, says):
    schema = {
        "type": "object", "required": ["id"], "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "pattern": "^BEN-[0-9]+$"}, "days": {"type": "integer"},
            "tags": {"$ref": "#/$defs/tags"},
        },
        "patternProperties": {"^x-": {"type": "string"}}, "$defs": {"tags": {"type": "array", "uniqueItems": True}},
    }
    tool = Tool(exposed_name="pay", input_schema=schema)
    if not says:
        validate_arguments(tool, arguments)
        return
    with pytest.raises(InvalidArguments, match=r"^pay: ") as refused:
        validate_arguments(tool, arguments)
    assert says in str(refused.value)


def test_as_much_as_a_call_may_carry_is_checked():
    schema = {"properties": {"ids": {"type": "array", "items": {"type": "integer", "minimum": 0}}}}
    bounded = Bounded(schema)
    assert next(bounded.iter_errors({"ids": list(range(40_000))}), None) is None
    assert next(bounded.iter_errors({"ids": [*range(40_000), -1]}), None).json_path == "$.ids[40000]"
    assert MAX_STEPS > 40_000 * 2 * 10
