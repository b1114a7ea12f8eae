"""The one question a policy answers."""

from governance.policy.calls import PolicyCall
from governance.policy.rules import Outcome, Policy


def evaluate(policy: Policy, call: PolicyCall) -> Outcome:
    """What the first matching rule says of this call, else the policy's default. Never raises for JSON arguments.

    A rule with a condition that is False does not match; with one that cannot be told (None) it counts the careful
    way (Rule.outcome_if_unsure).
    """
    for rule in policy.rules:
        sure = True
        for condition in rule.conditions:
            truth = condition.holds(call)
            if truth:
                continue
            if truth is not None:
                break
            sure = False
        else:
            outcome = rule.outcome if sure else rule.outcome_if_unsure
            if outcome is not None:
                return outcome
    return policy.default
