"""What holds for every policy and every call."""

import json

from hypothesis import given
from hypothesis import strategies as st

from governance.policy import Effect, Outcome, Policy, PolicyCall, Rule, evaluate, parse

words = st.sampled_from(["amount", "to", "a", "pay", "bank__pay", "", "ä", "\ud800", "readOnlyHint", "5"])
texts = words | st.text(st.characters(), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, json_values, max_size=5)
calls = st.builds(
    PolicyCall, agent=texts, server=texts, tool=texts, exposed_name=texts, annotations=objects, arguments=objects
)

names = st.sampled_from(["*", "pay*", "{pay,to}", "bank__*", "?", "bank", "ä"])
scalars = st.sampled_from(["a", "5", 5, 0.5, True, False])
comparisons = st.fixed_dictionaries({}, optional={
    "equals": scalars, "in": st.lists(scalars, min_size=1, max_size=3), "less": st.integers(-9, 9),
    "more": st.integers(-9, 9), "matches": st.sampled_from(["^a", "5", "(x*)*$", "ä"]),
}).filter(bool)  # fmt: skip
paths = st.sampled_from(["amount", "to", "a.to", "to[*]", "a[*].to", "to[*][*]", "ä"])
whens = st.fixed_dictionaries({}, optional={
    "agent": names, "server": names, "tool": st.lists(names, min_size=1, max_size=2),
    "annotations": st.dictionaries(st.sampled_from(["readOnlyHint", "destructiveHint"]), st.booleans(), min_size=1),
    "arguments": st.dictionaries(paths, comparisons, min_size=1, max_size=2),
}).filter(bool)  # fmt: skip


def rule_from(index: int, effect: str, when: dict) -> Rule:
    # JSON is YAML: what the strategies draw goes through the parser like a written file.
    text = json.dumps({"rules": [{"name": f"r{index}", "effect": effect, "when": when}]}, ensure_ascii=False)
    return parse(f'{{"version": 1, {text[1:]}').rules[0]


effects = st.sampled_from([str(effect) for effect in Effect])
policies = st.lists(st.tuples(effects, whens), max_size=5).map(
    lambda drawn: Policy(tuple(rule_from(index, *rule) for index, rule in enumerate(drawn)))
)


def says(rule: Rule, call: PolicyCall) -> Outcome | None:
    """What a rule alone says, None if nothing."""
    outcome = evaluate(Policy((rule,)), call)
    return None if outcome == Policy().default else outcome


@given(policies, calls)
def test_every_call_has_an_outcome(policy, call):
    assert isinstance(evaluate(policy, call), Outcome)


@given(policies, calls)
def test_the_first_rule_that_says_something_wins(policy, call):
    said = [outcome for rule in policy.rules if (outcome := says(rule, call)) is not None]
    assert evaluate(policy, call) == (said[0] if said else policy.default)


@given(policies, policies, calls)
def test_a_rule_below_the_matching_one_changes_nothing(above, below, call):
    outcome = evaluate(above, call)
    if outcome != above.default:
        assert evaluate(Policy(above.rules + below.rules), call) == outcome


@given(effects, whens, calls)
def test_only_a_rule_that_surely_matches_allows(effect, when, call):
    outcome = evaluate(Policy((rule_from(0, effect, when),)), call)
    if outcome.effect is Effect.ALLOW:
        assert effect == "allow"
        assert not outcome.unsure


@given(whens, calls)
def test_what_is_allowed_would_be_denied_by_the_same_conditions(when, call):
    """A rule that restricts is never narrower than one that allows."""
    if evaluate(Policy((rule_from(0, "allow", when),)), call).effect is Effect.ALLOW:
        assert evaluate(Policy((rule_from(0, "deny", when),)), call).effect is Effect.DENY


@given(policies, calls)
def test_the_same_question_has_the_same_answer(policy, call):
    assert evaluate(policy, call) == evaluate(policy, call)
