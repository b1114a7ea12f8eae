"""What a tool's outputSchema must say to an agent. Pure functions.

A client checks structured content against the schema that tools/list showed. A call that waits for a person is answered
with other structured content, so where the policy may make a call wait, the schema has to admit that answer.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from governance.policy import Effect, Policy, PolicyCall
from governance.policy.conditions import AgentIs, AnnotationIs, Condition, ServerIs, ToolIs
from governance.policy.rules import Rule

WITHOUT_ARGUMENTS = (AgentIs, ServerIs, ToolIs, AnnotationIs)  # what these say holds for every call of the tool
WAITING = frozenset({Effect.SCORE, Effect.REVIEW})

PENDING_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Waiting for governance",
    "description": "The call is recorded and waits for a decision; ask check_status with the reference.",
    "properties": {
        "status": {"type": "string"},
        "reference": {"type": "string", "pattern": "^evt_[0-9a-f]{16}$"},
        "review_url": {"type": "string"},
        "deadline": {"type": "string"},
        "poll_after_seconds": {"type": "integer"},
        "question": {"type": "object", "description": "What a reviewer asks; answer_question answers it."},
    },
    "required": ["status", "reference", "review_url", "deadline", "poll_after_seconds"],
}
_DATA = frozenset({"enum", "const", "default", "examples"})  # keywords whose values are no schemas


def possible_effects(policy: Policy, call: PolicyCall) -> frozenset[Effect]:
    """What the policy may say of calls that differ from this one in nothing but their arguments."""
    found: set[Effect] = set()
    for rule in policy.rules:
        effects, is_last = _rule_effects(rule, call)
        found |= effects
        if is_last:
            return frozenset(found)
    return frozenset({*found, policy.default.effect})


def _rule_effects(rule: Rule, call: PolicyCall) -> tuple[set[Effect], bool]:
    """What this rule may decide, and whether no later rule is ever asked."""
    truths = [_truth(condition, call) for condition in rule.conditions]
    if any(truth == {False} for truth in truths):
        return set(), False
    if_unsure = {rule.outcome_if_unsure.effect} if rule.outcome_if_unsure else set()
    effects: set[Effect] = set()
    if all(True in truth for truth in truths):
        effects.add(rule.effect)
    if any(None in truth for truth in truths):
        effects |= if_unsure
    always = all(False not in truth for truth in truths)
    return effects, always and (bool(if_unsure) or all(truth == {True} for truth in truths))


def _truth(condition: Condition, call: PolicyCall) -> set[bool | None]:
    """The answers that the condition may give; what depends on arguments may give any."""
    return {condition.holds(call)} if isinstance(condition, WITHOUT_ARGUMENTS) else {True, False, None}


def or_pending(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema that admits the tool's own structured content and the answer that a call waits."""
    original = copy.deepcopy(dict(schema))
    outer: dict[str, Any] = {"type": "object"} if original.get("type") == "object" else {}
    if "$schema" in original:
        outer["$schema"] = original.pop("$schema")
    if "$id" not in original:  # else its references start from itself wherever it stands
        for node in _schemas(original):
            for keyword in ("$ref", "$dynamicRef"):
                if isinstance(node.get(keyword), str):
                    node[keyword] = _moved(node[keyword])
    return {**outer, "anyOf": [original, copy.deepcopy(PENDING_SCHEMA)]}


def _moved(reference: str) -> str:
    """A reference to a place in the document, after the document became the first branch of `anyOf`."""
    if reference == "#" or reference.startswith("#/"):
        return f"#/anyOf/0{reference[1:]}"
    return reference


def _schemas(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema's objects, but for what lies in data and in embedded documents with an $id of their own."""
    left: list[Any] = [root]
    while left:
        node = left.pop()
        if isinstance(node, list):
            left.extend(node)
        elif isinstance(node, dict) and (node is root or "$id" not in node):
            yield node
            left.extend(value for keyword, value in node.items() if keyword not in _DATA)
