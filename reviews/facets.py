"""How many of what waits each filter and each saved view would show: counted in one bounded look at the queue."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.models import Agent, Tool, User
from governance.models.assessments import NO_BAND
from governance.models.requests import Asked
from reviews import queries
from reviews.narrowing import HELD, SOON, Facts, Narrowing

SCAN = 300  # requests, those with the nearest deadlines; with more, the counts carry a plus
MOST_CHOICES = 50  # of one filter


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
    now = timezone.now()
    names = (
        "deadline", "agent_id", "tool_id", "policy_rule", "band", "claimed_by_id", "claimed_until", "asked",
    )
    parts = queries.nearest_waiting(user, SCAN + 1)
    found = sorted((row for rows in parts for row in rows.values_list(*names)), key=itemgetter(0))
    facts = [
        Facts(
            agent, tool, rule, band, held=_held(holder, until, user, now), answered=asked == Asked.ANSWERED,
            soon=deadline <= now + SOON,
        )
        for deadline, agent, tool, rule, band, holder, until, asked in found[:SCAN] if deadline > now
    ]
    return Look(facts, is_whole=len(found) <= SCAN)


def _held(holder: int | None, until: datetime | None, user: User, now: datetime) -> str:
    if holder is None or until is None or until <= now:
        return "free"
    return "mine" if holder == user.pk else ""


def facets(user: User, narrowing: Narrowing, seen: Look, sort: str) -> list[Facet]:
    """The filters of the queue. Each one's counts are those within the other filters that are on."""
    agents = _names(Agent.objects.visible_to(user), "name", narrowing.agent, (fact.agent for fact in seen.facts))
    tools = _names(Tool.objects.visible_to(user), "exposed_name", narrowing.tool, (fact.tool for fact in seen.facts))
    bands = {"high": _("High"), "medium": _("Medium"), "low": _("Low"), NO_BAND: _("Not scored")}
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
