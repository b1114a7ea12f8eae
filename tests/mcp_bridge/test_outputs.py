"""When a tool's outputSchema must admit PENDING REVIEW, and how it does."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from governance.policy import Effect, PolicyCall, parse
from mcp_bridge.outputs import or_pending, possible_effects

PENDING = {
    "status": "in_review", "reference": "evt_0123456789abcdef", "review_url": "http://x/", "deadline": "2026",
    "poll_after_seconds": 10,
}


def effects(rules: str, **call: Any) -> set[Effect]:
    facts = {
        "agent": "bot", "server": "files", "tool": "read", "exposed_name": "files__read", "annotations": {},
        "arguments": {}, **call,
    }
    return set(possible_effects(parse(f"version: 1\nrules:\n{rules}"), PolicyCall(**facts)))


def test_a_rule_that_always_matches_is_the_last_word() -> None:
    assert effects("""
  - {name: reads, effect: allow, when: {tool: read}}
  - {name: rest, effect: review}
""") == {Effect.ALLOW}


def test_an_argument_may_send_the_call_to_a_rule_before() -> None:
    assert effects("""
  - {name: secrets, effect: review, when: {arguments: {path: {matches: secret}}}}
  - {name: reads, effect: allow, when: {tool: read}}
""") == {Effect.REVIEW, Effect.ALLOW}


def test_an_allow_rule_on_arguments_leaves_the_rest_to_what_follows() -> None:
    assert effects("""
  - {name: small, effect: allow, when: {arguments: {size: {less: 5}}}}
""") == {Effect.ALLOW, Effect.SCORE}


def test_an_argument_that_cannot_be_compared_makes_a_score_a_review() -> None:
    assert effects("""
  - {name: large, effect: score, when: {arguments: {size: {more: 5}}}}
  - {name: reads, effect: allow, when: {tool: read}}
""") == {Effect.SCORE, Effect.REVIEW, Effect.ALLOW}


def test_a_rule_for_another_tool_or_agent_does_not_count() -> None:
    assert effects("""
  - {name: other, effect: review, when: {tool: write}}
  - {name: admin, effect: review, when: {agent: admin, arguments: {path: {equals: x}}}}
  - {name: reads, effect: allow, when: {server: files}}
""") == {Effect.ALLOW}


def test_a_tool_that_is_denied_on_some_arguments_never_waits() -> None:
    assert effects("""
  - {name: no, effect: deny, when: {arguments: {path: {matches: secret}}}}
  - {name: reads, effect: allow, when: {tool: "*"}}
""") == {Effect.DENY, Effect.ALLOW}


TREE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}, "again": {"$ref": "#/properties/root"}, "self": {"$ref": "#"}},
    "required": ["root"],
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "required": ["id"]}},
}


@pytest.mark.parametrize("schema", [TREE, {**TREE, "$id": "https://example.org/tree"}])
def test_both_answers_fit_and_references_still_lead_where_they_did(schema: dict[str, Any]) -> None:
    wide = or_pending(schema)
    check = Draft202012Validator(wide)
    Draft202012Validator.check_schema(wide)
    assert wide["type"] == "object"
    check.validate(PENDING)
    check.validate({"root": {"id": 1, "next": {"id": 2}}, "again": {"id": 3}, "self": {"root": {"id": 4}}})
    for wrong in ({"root": {"id": 1, "next": {}}}, {"root": {"id": 1}, "again": {}}, {"status": "in_review"}):
        with pytest.raises(ValidationError):
            check.validate(wrong)


def test_the_original_is_left_alone_and_data_in_it_is_not_rewritten() -> None:
    schema = {"type": "object", "properties": {"link": {"const": {"$ref": "#/x"}}}}
    wide = or_pending(schema)
    assert wide["anyOf"][0] == schema
    assert wide["anyOf"][0] is not schema


def test_a_result_that_is_no_object_keeps_its_type() -> None:
    wide = or_pending({"type": "array", "items": {"type": "integer"}})
    Draft202012Validator(wide).validate([1, 2])
    assert "type" not in wide
