"""What a team's rule file says of one tool call: a pure function over frozen dataclasses.

    policy = parse(text)             # PolicyError names every line that is wrong
    outcome = evaluate(policy, call)  # total: an Outcome for every call

Plain Python without Django, files, network or clock. docs/policy.md is the author's page. Callers keep what parse
returns: parsing takes milliseconds, evaluating microseconds.
"""

from governance.policy.calls import PolicyCall
from governance.policy.describe import describe, describe_default
from governance.policy.errors import PolicyError, Problem
from governance.policy.evaluate import evaluate
from governance.policy.parse import parse
from governance.policy.rules import DEFAULT_POLICY, DEFAULT_RULE, Effect, Outcome, Policy, Rule

__all__ = [
    "DEFAULT_POLICY", "DEFAULT_RULE", "Effect", "Outcome", "Policy", "PolicyCall", "PolicyError", "Problem", "Rule",
    "describe", "describe_default", "evaluate", "parse",
]  # fmt: skip
