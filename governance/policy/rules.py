"""A team's rules as values, and what they can say of a call."""

from dataclasses import dataclass, field
from enum import StrEnum

from governance.policy.conditions import Condition

DEFAULT_RULE = "default"  # the name in an outcome that no rule gave; no rule may be called so


class Effect(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    SCORE = "score"
    REVIEW = "review"


@dataclass(frozen=True)
class Outcome:
    """What happens to a call, and the rule that says so.

    `message` is for the agent (deny only). `threshold` is the risk from which a scored call pauses, 1 to 100;
    `deadline_seconds` bounds the waiting for a person; None leaves either to the gateway's setting. `unsure` says that
    some condition could not be evaluated, so that the rule was taken the careful way.
    """

    effect: Effect
    rule: str
    message: str = ""
    threshold: int | None = None
    deadline_seconds: int | None = None
    unsure: bool = False


@dataclass(frozen=True)
class Rule:
    """One rule: when all its conditions hold, its outcome. No conditions: it holds for every call."""

    name: str
    effect: Effect
    conditions: tuple[Condition, ...] = ()
    message: str = ""
    threshold: int | None = None
    deadline_seconds: int | None = None
    outcome: Outcome = field(init=False, repr=False, compare=False)
    outcome_if_unsure: Outcome | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcome", self._outcome(self.effect, unsure=False))
        object.__setattr__(self, "outcome_if_unsure", self._outcome_if_unsure())

    def _outcome_if_unsure(self) -> Outcome | None:
        """What counts when it cannot be said whether the conditions hold; None: the rule is passed over.

        An argument that cannot be compared must neither be let through nor slip past a rule: no allow, yes to deny
        and review. A score could be the milder or the stricter way on from here, so a person looks.
        """
        if self.effect is Effect.ALLOW:
            return None
        effect = Effect.REVIEW if self.effect is Effect.SCORE else self.effect
        return self._outcome(effect, unsure=True)

    def _outcome(self, effect: Effect, *, unsure: bool) -> Outcome:
        return Outcome(
            effect, self.name, message=self.message if effect is Effect.DENY else "",
            threshold=self.threshold if effect is Effect.SCORE else None,
            deadline_seconds=self.deadline_seconds, unsure=unsure,
        )  # fmt: skip


@dataclass(frozen=True)
class Policy:
    """Rules in their order, and what counts when none of them matches."""

    rules: tuple[Rule, ...] = ()
    default: Outcome = Outcome(Effect.SCORE, DEFAULT_RULE)

    def rule(self, name: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.name == name), None)


DEFAULT_POLICY = Policy()
