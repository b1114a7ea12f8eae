"""Rules in one plain sentence each, for the people who decide."""

from governance.policy.conditions import (
    AgentIs,
    AnnotationIs,
    ArgumentIs,
    Comparison,
    Condition,
    Less,
    Matches,
    More,
    OneOf,
    Scalar,
    ServerIs,
    ToolIs,
)
from governance.policy.patterns import Globs
from governance.policy.rules import Effect, Outcome, Policy, Rule
from governance.policy.tree import shown

SHOWN_VALUES = 5

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def describe(rule: Rule) -> str:
    """Such as: Rule large-payments (review within 2 minutes): tool is pay* and amount is more than 1000."""
    conditions = _list([_condition(condition) for condition in rule.conditions], "and")
    return f"Rule {rule.name} ({_effect(rule.outcome)}): {conditions or 'every call'}."


def describe_default(policy: Policy) -> str:
    return f"No rule ({_effect(policy.default)}): every call that no rule matches."


def _effect(outcome: Outcome) -> str:
    text = str(outcome.effect)
    if outcome.threshold is not None:
        text += f", review from risk {outcome.threshold}"
    if outcome.deadline_seconds is None:
        return text
    review = ", review" if text == Effect.SCORE else ""
    return f"{text}{review} within {_duration(outcome.deadline_seconds)}"


def _duration(seconds: int) -> str:
    name, size = next((name, size) for name, size in _UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _condition(condition: Condition) -> str:
    match condition:
        case AgentIs(globs):
            return f"agent is {_globs(globs)}"
        case ServerIs(globs):
            return f"server is {_globs(globs)}"
        case ToolIs(globs):
            return f"tool is {_globs(globs)}"
        case AnnotationIs(name, wanted):
            return f"annotation {shown(name)} is {_value(wanted)}"
        case ArgumentIs(path=path, comparisons=comparisons):
            return f"{shown(path)} {_list([_comparison(comparison) for comparison in comparisons], 'and')}"
    raise TypeError(f"no words for {condition!r}")


def _comparison(comparison: Comparison) -> str:
    match comparison:
        case OneOf(wanted):
            return f"is {_list(_some([_value(value) for value in wanted]), 'or')}"
        case Less(bound):
            return f"is less than {bound}"
        case More(bound):
            return f"is more than {bound}"
        case Matches(pattern):
            return f"matches {shown(pattern.text)}"
    raise TypeError(f"no words for {comparison!r}")


def _globs(globs: Globs) -> str:
    return _list(_some([shown(text) for text in globs.texts]), "or")


def _value(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else shown(str(value))


def _some(words: list[str]) -> list[str]:
    """The first few, and how many more."""
    more = len(words) - SHOWN_VALUES
    return words if more <= 0 else [*words[:SHOWN_VALUES], f"{more} more"]


def _list(words: list[str], last: str) -> str:
    *first, end = words or [""]
    return f"{', '.join(first)} {last} {end}" if first else end
