"""What the queue can be narrowed by: as the parameters of an address, as a filter of rows, and against a row's facts.

An address holds filters only, never rights: whoever opens it sees what they may see of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import cached_property
from typing import Self

from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone

from governance.models import User
from governance.models.assessments import NO_BAND
from governance.models.requests import Asked

SOON = timedelta(hours=1)
QUEUE_BANDS = ("high", "medium", "low", NO_BAND)
HELD = ("mine", "free")
MAX_RULE_CHARS = 60
MAX_ID = 2**31


@dataclass(frozen=True)
class Facts:
    """What a waiting row is, as far as it can be narrowed by."""

    agent: int
    tool: int
    rule: str
    band: str
    held: str  # mine, free, or empty: somebody else's
    answered: bool
    soon: bool


@dataclass(frozen=True)
class Narrowing:
    """Empty values narrow nothing. Values from an address that cannot be read are empty."""

    agent: int = 0
    tool: int = 0
    band: str = ""
    rule: str = ""
    held: str = ""
    answered: bool = False
    soon: bool = False

    @classmethod
    def read(cls, query: QueryDict | Mapping[str, str]) -> Self:
        def one_of(name: str, choices: tuple[str, ...]) -> str:
            value = query.get(name, "")
            return value if value in choices else ""

        rule = query.get("rule", "")
        return cls(
            agent=_number(query.get("agent", "")), tool=_number(query.get("tool", "")),
            band=one_of("band", QUEUE_BANDS), held=one_of("held", HELD),
            rule=rule if len(rule) <= MAX_RULE_CHARS and rule.isprintable() else "",
            answered=query.get("answered") == "1", soon=query.get("soon") == "1",
        )

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def parameters(self) -> dict[str, str]:
        """For an address, in one order."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: "1" if value is True else str(value) for name, value in values.items() if value}

    def without(self, name: str) -> Self:
        return replace(self, **{name: type(getattr(self, name))()})

    @cached_property
    def _wanted(self) -> list[tuple[str, object]]:
        """Looked up once: a page compares its narrowings with hundreds of rows."""
        return [(field.name, value) for field in fields(self) if (value := getattr(self, field.name))]

    def holds(self, facts: Facts) -> bool:
        return all(getattr(facts, name) == value for name, value in self._wanted)

    def of(self, user: User) -> Q:
        """The same as a filter of waiting requests."""
        wanted = Q()
        if self.agent:
            wanted &= Q(agent=self.agent)
        if self.tool:
            wanted &= Q(tool=self.tool)
        if self.rule:
            wanted &= Q(policy_rule=self.rule)
        if self.band:
            wanted &= Q(band=self.band)
        if self.held:
            held = Q(claimed_until__gt=timezone.now())
            wanted &= held & Q(claimed_by=user) if self.held == "mine" else Q(claimed_by=None) | ~held
        if self.answered:
            wanted &= Q(asked=Asked.ANSWERED)
        if self.soon:
            wanted &= Q(deadline__lte=timezone.now() + SOON)
        return wanted


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 and int(text) < MAX_ID else 0
