"""How many of what waits each filter and each saved view would show: counted in one bounded look at the queue."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.models import Agent, GovernanceRequest, Tool, User
from reviews import queries
from reviews.narrowing import BANDS, HELD, SOON, UNSCORED, Facts, Narrowing, was_answered

SCAN = 300  # requests, those with the nearest deadlines; with more, the counts carry a plus
MOST_CHOICES = 50  # of one filter
_BAND_OF = {classification.value: band for band, classification in BANDS.items()}


@dataclass(frozen=True)
class Look:
    """The facts of what waits: of all of it, or of its first SCAN."""

    facts: list[Facts]
    is_whole: bool

    def count(self, narrowing: Narrowing) -> str:
        return self.shown(sum(map(narrowing.holds, self.facts)))

    def shown(self, number: int) -> str:
        """`12`, `99+`, and with a plus (nothing for none) when there may be more behind the look."""
        if number >= queries.MANY:
            return f"{queries.MANY - 1}+"
        return str(number) if self.is_whole else f"{number}+" if number else ""


@dataclass(frozen=True)
class Choice:
    label: str
    address: str  # the query string when chosen
    count: str = ""
    is_on: bool = False


@dataclass(frozen=True)
class Facet:
    """One filter: a menu of values, or a switch, whose only choice it is."""

    name: str
    label: str
    value: str = ""  # what is chosen, in words
    choices: tuple[Choice, ...] = ()
    without: str = "?"  # the query string with this filter off

    is_menu: bool = True

    @property
    def is_on(self) -> bool:
        return bool(self.value)


def look(user: User) -> Look:
    """The keys from the index of each team first: else SQLite works out the facts of the whole queue to sort it."""
    now = timezone.now()
    rows = GovernanceRequest.objects.filter(pk__in=queries.nearest_waiting(user, SCAN + 1)).annotate(
        answered=ExpressionWrapper(was_answered(), output_field=BooleanField()),
        soon=ExpressionWrapper(Q(deadline__lte=now + SOON), output_field=BooleanField()),
        held=ExpressionWrapper(Q(claimed_until__gt=now, claimed_by__isnull=False), output_field=BooleanField()),
    )
    names = (
        "agent_id", "tool_id", "policy_rule", "assessment__classification", "assessment__failure", "claimed_by_id",
        "held", "answered", "soon",
    )
    found = list(rows.order_by("deadline").values_list(*names)[: SCAN + 1])
    facts = [
        Facts(
            agent, tool, rule, band=_BAND_OF.get(classification, UNSCORED) if not failure else UNSCORED,
            held=("mine" if holder == user.pk else "") if held else "free", answered=answered, soon=soon,
        )
        for agent, tool, rule, classification, failure, holder, held, answered, soon in found[:SCAN]
    ]
    return Look(facts, is_whole=len(found) <= SCAN)


def facets(user: User, narrowing: Narrowing, seen: Look, sort: str) -> list[Facet]:
    """The filters of the queue. Each one's counts are those within the other filters that are on."""
    agents = _names(Agent.objects.visible_to(user), "name", narrowing.agent, (fact.agent for fact in seen.facts))
    tools = _names(Tool.objects.visible_to(user), "exposed_name", narrowing.tool, (fact.tool for fact in seen.facts))
    bands = {"high": _("High"), "medium": _("Medium"), "low": _("Low"), UNSCORED: _("Not scored")}
    held = dict(zip(HELD, (_("Mine"), _("Unclaimed")), strict=True))
    build = _Builder(narrowing, seen, sort)
    return [
        build.menu("band", _("Risk"), bands, keep_order=True),
        build.menu("agent", _("Agent"), agents),
        build.menu("tool", _("Tool"), tools),
        build.menu("rule", _("Rule"), {fact.rule: fact.rule for fact in seen.facts}),
        *(build.switch("held", value, label) for value, label in held.items()),
        build.switch("answered", True, _("Answered")),
        build.switch("soon", True, _("Within 1 h")),
    ]


class _Builder:
    def __init__(self, narrowing: Narrowing, seen: Look, sort: str) -> None:
        self.narrowing, self.seen = narrowing, seen
        self.sort = {} if sort == "risk" else {"sort": sort}

    def menu(self, name: str, label: str, words: Mapping[Any, str], *, keep_order: bool = False) -> Facet:
        chosen, others = getattr(self.narrowing, name), self.narrowing.without(name)
        counts = Counter(getattr(fact, name) for fact in self.seen.facts if others.holds(fact))
        values = list(words) if keep_order else [value for value, _many in counts.most_common(MOST_CHOICES)]
        choices = tuple(
            self._choice(name, value, words.get(value, str(value)), counts[value]) for value in values
        )
        value = str(words.get(chosen, chosen)) if chosen else ""
        return Facet(name, label, value, choices, self._address(others))

    def switch(self, name: str, value: str | bool, label: str) -> Facet:
        others = self.narrowing.without(name)
        count = sum(getattr(fact, name) == value for fact in self.seen.facts if others.holds(fact))
        is_on = getattr(self.narrowing, name) == value
        choice = self._choice(name, value, label, count)
        return Facet(name, label, label if is_on else "", (choice,), self._address(others), is_menu=False)

    def _choice(self, name: str, value: object, label: str, count: int) -> Choice:
        others = self.narrowing.without(name)
        with_it = replace(others, **{name: value})
        return Choice(label, self._address(with_it), self.seen.shown(count), getattr(self.narrowing, name) == value)

    def _address(self, narrowing: Narrowing) -> str:
        return "?" + urlencode({**narrowing.parameters(), **self.sort})


def _names(rows: QuerySet, field: str, chosen: int, present: Iterable[int]) -> dict[int, str]:
    """Names of the commonest values, and of the chosen one when this person may see it."""
    common = [value for value, _many in Counter(present).most_common(MOST_CHOICES)]
    return dict(rows.filter(pk__in={*common, chosen}).values_list("pk", field))
