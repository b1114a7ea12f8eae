"""What identifies a tool's definition."""

import hashlib

import pytest

from governance.definitions import MAX_DEFINITION_BYTES, MAX_DEFINITION_DEPTH, digest_of
from governance.errors import InvalidDefinition

ADD = {
    "name": "add",
    "title": "Add",
    "description": "Adds two numbers.",
    "inputSchema": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}},
    "outputSchema": {"type": "object", "properties": {"sum": {"type": "number"}}},
    "annotations": {"readOnlyHint": True},
}


def test_a_digest_is_sha256_over_the_canonical_json_of_the_six_fields():
    text = '{"annotations":{},"description":"","inputSchema":{"type":"object"},"name":"é","outputSchema":null,'
    text += '"title":""}'
    assert digest_of({"name": "é", "inputSchema": {"type": "object"}}) == hashlib.sha256(text.encode()).hexdigest()


def test_the_order_of_keys_and_what_is_not_pinned_do_not_count():
    shuffled = {**dict(reversed(ADD.items())), "_meta": {"build": 7}, "icons": []}
    assert digest_of(shuffled) == digest_of(ADD)


@pytest.mark.parametrize("field, value", [
    ("name", "Add"),
    ("title", ""),
    ("description", "Adds two numbers.\u200b"),
    ("inputSchema", {"type": "object"}),
    ("inputSchema", False),
    ("outputSchema", None),
    ("outputSchema", {}),
    ("annotations", {"readOnlyHint": False}),
])
def test_every_pinned_field_changes_the_digest(field, value):
    assert digest_of({**ADD, field: value}) != digest_of(ADD)


def test_what_is_absent_reads_like_its_empty_value():
    empty = {"title": "", "description": None, "inputSchema": {}, "outputSchema": None, "annotations": {}}
    assert digest_of({"name": "now"}) == digest_of({"name": "now", **empty})


def with_maxima(**maxima):
    return {"name": "n", "inputSchema": {name: {"maximum": value} for name, value in maxima.items()}}


def test_integers_of_64_bits_count_to_their_last_digit():
    digests = {digest_of(with_maxima(a=value)) for value in (0, 2**53 - 1, 2**53, 2**53 + 1, 2**64 - 1, -(2**63))}
    assert len(digests) == 6


def test_two_large_integers_cannot_hide_behind_one_path():
    one = {"name": "n", "inputSchema": {"a/b": 2**60, "a": {"b": 2**61}}}
    other = {"name": "n", "inputSchema": {"a/b": 2**62, "a": {"b": 2**61}}}
    assert digest_of(one) != digest_of(other)


def nested(levels: int) -> dict:
    schema: dict = {}
    for _ in range(levels):
        schema = {"a": schema}
    return schema


@pytest.mark.parametrize("definition, why", [
    ({"name": "n", "inputSchema": {"maximum": float("nan")}}, "no exact JSON form"),
    ({"name": "n", "description": "\ud800"}, "no exact JSON form"),
    ({"name": "n", "inputSchema": {"maximum": 10**5000}}, "no exact JSON form"),
    ({"name": "n", "inputSchema": {1: "a"}}, "no exact JSON form"),
    ({"name": "n", "inputSchema": nested(MAX_DEFINITION_DEPTH + 1)}, "nested deeper"),
    ({"name": "n", "inputSchema": nested(100_000)}, "nested deeper"),
    ({"name": "n", "description": "é" * MAX_DEFINITION_BYTES}, "takes more than"),
])
def test_what_cannot_be_pinned_is_refused_with_its_name_and_the_reason(definition, why):
    with pytest.raises(InvalidDefinition, match=f"'n'.*{why}"):
        digest_of(definition)
