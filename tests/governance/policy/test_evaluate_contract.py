"""What a policy says of a call: the table that every evaluator has to pass."""

import pytest

from governance.policy import DEFAULT_POLICY, Outcome, evaluate, parse
from tests.governance.policy.calls import a_call


def outcome_of(rules: str, **call: object) -> Outcome:
    return evaluate(parse(f"version: 1\n{rules}"), a_call(**call))


def one_rule(effect: str, when: str) -> str:
    return f"rules: [{{name: it, effect: {effect}, when: {when}}}]"


def test_without_a_policy_every_call_is_scored():
    assert evaluate(DEFAULT_POLICY, a_call()) == Outcome("score", "default")


NAMES = [
    ("{agent: invoice-bot}", {}, True),
    ("{agent: invoice-*}", {}, True),
    ("{agent: Invoice-bot}", {}, False),
    ("{agent: invoice}", {}, False),
    ("{agent: [other, 'invoice-bo?']}", {}, True),
    ("{agent: 'a.b'}", {"agent": "a-b"}, False),
    ("{agent: 'a.b*'}", {"agent": "a-b"}, False),
    ("{agent: 'a.(b)+*'}", {"agent": "a.(b)+c"}, True),
    ("{agent: 'a*'}", {"agent": "a\nb"}, True),
    ("{server: bank}", {}, True),
    ("{server: b}", {}, False),
    ("{server: '{bank,shop}'}", {}, True),
    ("{server: '{ba*,shop}'}", {}, True),
    ("{tool: pay_invoice}", {}, True),
    ("{tool: 'pay*'}", {}, True),
    ("{tool: '*invoice'}", {}, True),
    ("{tool: '*'}", {"tool": ""}, True),
    ("{tool: '?'}", {"tool": "", "exposed_name": ""}, False),
    ("{tool: bank__pay_invoice}", {}, True),
    ("{tool: 'bank__*'}", {}, True),
    ("{tool: 'shop__*'}", {}, False),
    ("{tool: 'pay*', server: shop}", {}, False),
    ("{tool: 'pay*', server: bank, agent: '*'}", {}, True),
]


@pytest.mark.parametrize("effect", ["allow", "deny", "score", "review"])
@pytest.mark.parametrize(("when", "changes", "holds"), NAMES)
def test_names_are_matched_by_globs(effect, when, changes, holds):
    outcome = outcome_of(one_rule(effect, when), **changes)
    assert (outcome.rule, outcome.unsure) == ("it" if holds else "default", False)
    assert outcome.effect == (effect if holds else "score")


@pytest.mark.parametrize("glob", ["pay*", "readers*", "readers_*"])
def test_a_servers_name_allows_nothing(glob):
    call = {"server": "readers", "tool": "drop_table", "exposed_name": "readers__drop_table"}
    assert outcome_of(one_rule("allow", f"{{tool: '{glob}'}}"), **call).effect == "score"


def test_a_tool_that_is_named_like_another_servers_is_not_allowed():
    call = {"server": "evil", "tool": "sandbox__fs_read", "exposed_name": "evil__sandbox__fs_read"}
    assert outcome_of(one_rule("allow", "{tool: 'sandbox__fs_*'}"), **call).effect == "score"


@pytest.mark.parametrize("glob", ["*delete*", "delete*", "shop_*", "shop__delete_all"])
def test_either_name_is_enough_to_deny(glob):
    call = {"server": "shop", "tool": "delete_all", "exposed_name": "shop__delete_all"}
    assert outcome_of(one_rule("deny", f"{{tool: '{glob}'}}"), **call).effect == "deny"


ANNOTATIONS = [
    ("{readOnlyHint: true}", {"readOnlyHint": True}, True),
    ("{readOnlyHint: true}", {"readOnlyHint": False}, False),
    ("{readOnlyHint: true}", {}, False),
    ("{readOnlyHint: false}", {}, True),
    ("{destructiveHint: true}", {}, True),
    ("{destructiveHint: true}", {"readOnlyHint": True}, False),
    ("{destructiveHint: true}", {"readOnlyHint": True, "destructiveHint": True}, True),
    ("{destructiveHint: false}", {"destructiveHint": False}, True),
    ("{idempotentHint: false}", {}, True),
    ("{openWorldHint: true}", {}, True),
    ("{openWorldHint: true}", {"openWorldHint": None}, True),
    ("{readOnlyHint: true, openWorldHint: false}", {"readOnlyHint": True}, False),
    ("{title: Pay}", {"title": "Pay"}, True),
    ("{title: Pay}", {}, False),
    ("{readOnlyHint: true}", {"readOnlyHint": "true"}, None),
    ("{readOnlyHint: true}", {"readOnlyHint": 1}, None),
    ("{destructiveHint: true}", {"destructiveHint": ["yes"]}, None),
]

ARGUMENTS = [
    ("{currency: {equals: EUR}}", {"currency": "EUR"}, True),
    ("{currency: {equals: EUR}}", {"currency": "eur"}, False),
    ("{currency: {equals: EUR}}", {}, False),
    ("{currency: {equals: EUR}}", {"currency": None}, False),
    ("{currency: {equals: EUR}}", {"currency": 978}, None),
    ("{currency: {equals: EUR}}", {"currency": ["EUR"]}, None),
    ("{country: {equals: NO}}", {"country": "NO"}, True),
    ("{amount: {equals: 5}}", {"amount": 5.0}, True),
    ("{amount: {equals: 5}}", {"amount": "5"}, None),
    ("{amount: {equals: '5'}}", {"amount": 5}, None),
    ("{amount: {equals: 1}}", {"amount": True}, None),
    ("{force: {equals: true}}", {"force": True}, True),
    ("{force: {equals: true}}", {"force": 1}, None),
    ("{force: {equals: true}}", {"force": "true"}, None),
    ("{currency: {in: [EUR, USD]}}", {"currency": "USD"}, True),
    ("{currency: {in: [EUR, USD]}}", {"currency": "GBP"}, False),
    ("{currency: {in: [EUR, 978]}}", {"currency": 840}, False),
    ("{currency: {in: [2, true]}}", {"currency": 1}, False),
    ("{currency: {in: [EUR, USD]}}", {"currency": {}}, None),
    ("{amount: {more: 1000}}", {"amount": 1000.01}, True),
    ("{amount: {more: 1000}}", {"amount": 1000}, False),
    ("{amount: {more: 1000}}", {"amount": -5000}, False),
    ("{amount: {more: 1000}}", {"amount": float("inf")}, True),
    ("{amount: {more: 1000}}", {"amount": 10**400}, True),
    ("{amount: {more: 1000}}", {"amount": float("nan")}, None),
    ("{amount: {more: 1000}}", {"amount": "5000"}, None),
    ("{amount: {more: 0}}", {"amount": True}, None),
    ("{amount: {more: 1000}}", {"amount": [5000]}, None),
    ("{amount: {less: 0.5}}", {"amount": 0.49}, True),
    ("{amount: {less: 0.5}}", {"amount": 0.5}, False),
    ("{amount: {less: 0.5}}", {"amount": ""}, None),
    ("{amount: {less: 0.5}}", {"amount": float("nan")}, None),
    ("{amount: {equals: 5}}", {"amount": float("nan")}, None),
    ("{amount: {more: 10, less: 20}}", {"amount": 15}, True),
    ("{amount: {more: 10, less: 20}}", {"amount": 20}, False),
    ("{iban: {matches: '^DE'}}", {"iban": "DE89"}, True),
    ("{iban: {matches: '^DE'}}", {"iban": "GB DE"}, False),
    ("{iban: {matches: DE}}", {"iban": "GB DE"}, True),
    ("{iban: {matches: '^DE$'}}", {"iban": "DE\n"}, False),
    ("{iban: {matches: '(?i)^de'}}", {"iban": "DE89"}, True),
    ("{iban: {matches: '^DE'}}", {"iban": 89}, None),
    ("{iban: {matches: '^DE'}}", {"iban": "GB\ud800"}, None),
    ("{iban: {matches: '^DE'}}", {"iban": "G" * (256 * 1024 + 1)}, None),
    ("{id: {matches: '^[0-9]+$', equals: '12'}}", {"id": "12"}, True),
    ("{id: {matches: '^[0-9]+$', equals: 12}}", {"id": "12"}, None),
    ("{id: {matches: '^[a-z]+$', equals: 12}}", {"id": "12"}, False),
    ("{pay.amount: {more: 10}}", {"pay": {"amount": 11}}, True),
    ("{pay.amount: {more: 10}}", {"pay": {}}, False),
    ("{pay.amount: {more: 10}}", {"pay": None}, False),
    ("{pay.amount: {more: 10}}", {}, False),
    ("{pay.amount: {more: 10}}", {"pay": '{"amount": 11}'}, None),
    ("{pay.amount: {more: 10}}", {"pay": [{"amount": 11}]}, None),
    ("{'to[*]': {equals: eve}}", {"to": ["eve", "eve"]}, True),
    ("{'to[*]': {equals: eve}}", {"to": ["bob"]}, False),
    ("{'to[*]': {equals: eve}}", {"to": []}, False),
    ("{'to[*]': {equals: eve}}", {}, False),
    ("{'to[*]': {equals: eve}}", {"to": ["bob", "eve"]}, None),
    ("{'to[*]': {equals: eve}}", {"to": ["eve", None]}, None),
    ("{'to[*]': {equals: eve}}", {"to": ["eve", 5]}, None),
    ("{'to[*]': {equals: eve}}", {"to": "eve"}, None),
    ("{'to[*]': {equals: eve}}", {"to": ["bob"] * 1001}, None),
    ("{'rows[*].cells[*].v': {more: 1}}", {"rows": [{"cells": [{"v": 2}]}, {"cells": [{"v": 3}]}]}, True),
    ("{'rows[*].cells[*].v': {more: 1}}", {"rows": [{"cells": [{"v": 0}]}, {"cells": []}]}, False),
    ("{'rows[*].cells[*].v': {more: 1}}", {"rows": [{"cells": [{"v": 0}]}, {"cells": [{"v": 3}]}]}, None),
    ("{'m[*][*]': {more: 1}}", {"m": [[2], [3]]}, True),
    ("{'m[*][*]': {more: 1}}", {"m": [[0] * 600, [0] * 600]}, None),
    ("{amount: {more: 10}, currency: {equals: EUR}}", {"amount": 11, "currency": "EUR"}, True),
    ("{amount: {more: 10}, currency: {equals: EUR}}", {"amount": 11, "currency": "USD"}, False),
    ("{amount: {more: 10}, currency: {equals: EUR}}", {"amount": "11", "currency": "EUR"}, None),
    ("{amount: {more: 10}, currency: {equals: EUR}}", {"amount": "11", "currency": "USD"}, False),
]
IF_UNSURE = {
    "allow": ("score", "default"), "deny": ("deny", "it"), "review": ("review", "it"), "score": ("review", "it"),
}  # fmt: skip

CASES = [(f"{{annotations: {when}}}", {"annotations": given}, holds) for when, given, holds in ANNOTATIONS]
CASES += [(f"{{arguments: {when}}}", {"arguments": given}, holds) for when, given, holds in ARGUMENTS]


@pytest.mark.parametrize("effect", IF_UNSURE)
@pytest.mark.parametrize(("when", "changes", "holds"), CASES, ids=lambda value: str(value)[:60])
def test_conditions_hold_or_not_and_count_the_careful_way_when_it_cannot_be_told(effect, when, changes, holds):
    outcome = outcome_of(one_rule(effect, when), **changes)
    wanted = {True: (effect, "it"), False: ("score", "default"), None: IF_UNSURE[effect]}[holds]
    assert (outcome.effect, outcome.rule) == wanted
    assert outcome.unsure == (holds is None and effect != "allow")


def test_a_name_with_half_a_character_is_never_allowed_and_never_slips_past_a_deny():
    odd = {"tool": "pay\ud800", "exposed_name": "bank__pay\ud800"}
    assert outcome_of(one_rule("allow", "{tool: 'pay*'}"), **odd).effect == "score"
    assert outcome_of(one_rule("deny", "{tool: 'pay*'}"), **odd).effect == "deny"


def test_the_first_matching_rule_wins():
    rules = """
rules:
  - {name: other, effect: deny, when: {tool: read}}
  - {name: first, effect: review, when: {tool: pay*}}
  - {name: second, effect: allow, when: {tool: pay*}}
"""
    assert outcome_of(rules) == Outcome("review", "first")


def test_an_allow_that_cannot_be_told_leaves_the_call_to_the_rules_below():
    rules = """
rules:
  - {name: small, effect: allow, when: {arguments: {amount: {less: 10}}}}
  - {name: payments, effect: deny, message: Ask., when: {tool: pay*}}
"""
    assert outcome_of(rules, arguments={"amount": "5"}) == Outcome("deny", "payments", message="Ask.")


def test_a_score_that_cannot_be_told_does_not_fall_through_to_an_allow():
    rules = """
rules:
  - {name: large, effect: score, threshold: 20, deadline: 5m, when: {arguments: {amount: {more: 1000}}}}
  - {name: rest, effect: allow, when: {tool: pay*}}
"""
    unsure = Outcome("review", "large", deadline_seconds=300, unsure=True)
    assert outcome_of(rules, arguments={"amount": "5000"}) == unsure
    assert outcome_of(rules, arguments={"amount": 5}) == Outcome("allow", "rest")


OUTCOMES = [
    ("rules: [{name: it, effect: allow, when: {tool: '*'}}]", Outcome("allow", "it")),
    (
        "defaults: {threshold: 40, deadline: 1h}\nrules: [{name: it, effect: allow, when: {tool: '*'}}]",
        Outcome("allow", "it"),
    ),
    ("rules: [{name: it, effect: deny, message: ' No. '}]", Outcome("deny", "it", message="No.")),
    (
        "rules: [{name: it, effect: deny}]",
        Outcome("deny", "it", message="The rule it of your team's policy denies this call."),
    ),
    ("rules: [{name: it, effect: score}]", Outcome("score", "it")),
    ("rules: [{name: it, effect: score, threshold: 1}]", Outcome("score", "it", threshold=1)),
    (
        "rules: [{name: it, effect: score, threshold: 100, deadline: 30s}]",
        Outcome("score", "it", threshold=100, deadline_seconds=30),
    ),
    (
        "defaults: {threshold: 40, deadline: 1h}\nrules: [{name: it, effect: score, deadline: 7d}]",
        Outcome("score", "it", threshold=40, deadline_seconds=604800),
    ),
    ("defaults: {threshold: 40}\nrules: [{name: it, effect: review}]", Outcome("review", "it")),
    ("defaults: {deadline: 1h}\nrules: [{name: it, effect: review}]", Outcome("review", "it", deadline_seconds=3600)),
    ("rules: [{name: it, preset: step-up}]", Outcome("review", "it", deadline_seconds=120)),
    (
        "defaults: {deadline: 1h}\nrules: [{name: it, preset: step-up}]",
        Outcome("review", "it", deadline_seconds=120),
    ),
    ("rules: [{name: it, preset: step-up, deadline: 90s}]", Outcome("review", "it", deadline_seconds=90)),
    ("rules: []", Outcome("score", "default")),
    (
        "defaults: {threshold: 40, deadline: 24h}\nrules: []",
        Outcome("score", "default", threshold=40, deadline_seconds=86400),
    ),
    ("default: score\nrules: []", Outcome("score", "default")),
    (
        "default: review\ndefaults: {threshold: 40, deadline: 2m}\nrules: []",
        Outcome("review", "default", deadline_seconds=120),
    ),
    (
        "default: deny\nrules: []",
        Outcome("deny", "default", message="No rule of your team's policy permits this call."),
    ),
]


@pytest.mark.parametrize(("rules", "outcome"), OUTCOMES)
def test_an_outcome_carries_what_its_effect_needs(rules, outcome):
    assert outcome_of(rules) == outcome
