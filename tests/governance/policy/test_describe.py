"""A reviewer reads a rule as one sentence."""

import pytest

from governance.policy import describe, describe_default, parse

RULES = [
    (
        "{name: large, preset: step-up, when: {tool: pay*, "
        "arguments: {amount: {more: 1000}, currency: {in: [EUR, USD]}}}}",
        "Rule large (review within 2 minutes): tool is pay*, amount is more than 1000 and currency is EUR or USD.",
    ),
    (
        "{name: reads, effect: allow, when: {server: sandbox, tool: [fs_list, fs_read], "
        "annotations: {readOnlyHint: true}}}",
        "Rule reads (allow): server is sandbox, tool is fs_list or fs_read and annotation readOnlyHint is true.",
    ),
    (
        "{name: range, effect: review, when: {agent: bot, arguments: {'a.b[*]': {more: 1.5, less: 3, matches: ^x}}}}",
        "Rule range (review): agent is bot and a.b[*] is more than 1.5, is less than 3 and matches ^x.",
    ),
    ("{name: all, effect: deny, message: No.}", "Rule all (deny): every call."),
    ("{name: s, effect: score}", "Rule s (score): every call."),
    ("{name: s, effect: score, threshold: 30}", "Rule s (score, review from risk 30): every call."),
    ("{name: s, effect: score, deadline: 1h}", "Rule s (score, review within 1 hour): every call."),
    (
        "{name: s, effect: score, threshold: 30, deadline: 90s}",
        "Rule s (score, review from risk 30 within 90 seconds): every call.",
    ),
    (
        "{name: many, effect: deny, when: {tool: [a, b, c, d, e, f, g]}}",
        "Rule many (deny): tool is a, b, c, d, e or 2 more.",
    ),
    (
        '{name: odd, effect: deny, when: {arguments: {"a\\u202e": {equals: "b\\u200b"}}}}',
        "Rule odd (deny): a\\u{202e} is b\\u{200b}.",
    ),
    (
        "{name: e, effect: deny, when: {arguments: {force: {equals: true}, mode: {equals: 0755x}}}}",
        "Rule e (deny): force is true and mode is 0755x.",
    ),
]


@pytest.mark.parametrize(("rule", "sentence"), RULES)
def test_a_rule_is_one_plain_sentence(rule, sentence):
    policy = parse(f"version: 1\nrules: [{rule}]")
    assert describe(policy.rules[0]) == sentence


def test_the_default_is_a_sentence_too():
    policy = parse("version: 1\nrules: []\ndefault: review\ndefaults: {deadline: 1d}")
    assert describe_default(policy) == "No rule (review within 1 day): every call that no rule matches."


def test_a_rule_is_found_by_its_name():
    policy = parse("version: 1\nrules: [{name: a, effect: score}]")
    assert policy.rule("a") is policy.rules[0]
    assert policy.rule("default") is None
