"""What stands around a case: how people decided similar ones, and how its agent's last calls ended.

Bounded however long the history is: a window of the newest rows, read through an index.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models.functions import Length
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from governance.models import Agent, Decision, GovernanceRequest, User
from governance.states import Status, Verdict
from reviews.cards import status_of
from reviews.names import attach_names

WINDOW = 300  # newest calls of the tool that are looked at
MOST_CASES = 5
MOST_CALLS = 10
MAX_COMPARED_CHARS = 8_000  # of one call's arguments; longer ones are compared as a whole only
MAX_REASONS = 3


# -- similar cases ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """`why`: what makes it similar, in words."""

    row: GovernanceRequest
    decision: Decision
    why: tuple[str, ...]

    @property
    def is_approved(self) -> bool:
        return self.decision.verdict == Verdict.APPROVED


@dataclass(frozen=True)
class SimilarCases:
    """The most similar first. The counts are over all that people decided among the calls looked at."""

    cases: tuple[Case, ...] = ()
    approved: int = 0
    rejected: int = 0

    @property
    def counts(self) -> str:
        """`4 approved · 1 rejected`"""
        approved = ngettext("{count} approved", "{count} approved", self.approved).format(count=self.approved)
        rejected = ngettext("{count} rejected", "{count} rejected", self.rejected).format(count=self.rejected)
        return f"{approved} · {rejected}"


@dataclass(frozen=True)
class _Likeness:
    pk: UUID
    points: float
    why: tuple[str, ...]


def similar_cases(user: User, request: GovernanceRequest) -> SimilarCases:
    decisions = _decided_by_people(user, request)
    likest = sorted(_likenesses(request, list(decisions)), key=lambda like: -like.points)[:MOST_CASES]
    rows = _rows(user, [like.pk for like in likest], "agent", "tool__server")
    attach_names(rows.values())
    verdicts = Counter(decision.verdict for decision in decisions.values())
    return SimilarCases(
        tuple(Case(rows[like.pk], decisions[like.pk], like.why) for like in likest if like.pk in rows),
        approved=verdicts[Verdict.APPROVED], rejected=verdicts[Verdict.REJECTED],
    )


def _decided_by_people(user: User, request: GovernanceRequest) -> dict[UUID, Decision]:
    """Request → the last decision of a person, newest call first; one that was sent back or undone has none.

    Of calls that came before this one: what was decided later did not help to decide it.
    """
    earlier = GovernanceRequest.objects.filter(tool_id=request.tool_id, received_at__lte=request.received_at)
    window = earlier.order_by("-received_at", "-id").values_list("pk", "status", "round")[: WINDOW + 1]
    rounds = {pk: round_ for pk, status, round_ in window if status != Status.IN_REVIEW and pk != request.pk}
    found = Decision.objects.visible_to(user).filter(request_id__in=list(rounds), reviewer__isnull=False)
    by_request = {
        decision.request_id: decision for decision in found.select_related("reviewer").order_by("id")
        if decision.round == rounds[decision.request_id]
    }
    return {pk: by_request[pk] for pk in rounds if pk in by_request}


def _likenesses(request: GovernanceRequest, keys: Sequence[UUID]) -> list[_Likeness]:
    """In the order of the keys, so that the newer of two alike comes first."""
    rows = GovernanceRequest.objects.filter(pk__in=keys).annotate(size=Length("arguments_json"))
    short = rows.filter(size__lte=MAX_COMPARED_CHARS)
    columns = short.values_list("pk", "agent_id", "arguments_digest", "arguments_json")
    known = {pk: (agent, digest, text) for pk, agent, digest, text in columns}
    own = request.arguments if len(request.arguments_json) <= MAX_COMPARED_CHARS else {}
    names = getattr(request, "names", {})
    found = []
    for pk in keys:
        if pk in known:
            agent, digest, text = known[pk]
            points, why = _compare(own, json.loads(text), names, exactly=digest == request.arguments_digest)
            if agent == request.agent_id:
                points, why = points + 1, [*why, _("same agent")]
            found.append(_Likeness(pk, points, tuple(why[:MAX_REASONS])))
    return found


def _compare(
    own: Mapping[str, Any], other: Mapping[str, Any], names: Mapping[str, str], *, exactly: bool
) -> tuple[float, list[str]]:
    """Points, and what they are for: 10 for the same arguments, 4 for the same person or thing, 3 for another equal
    value, up to 2 for a number near by. Running text says nothing.
    """
    if exactly:
        return 10.0, [_("same arguments")]
    points, why = 0.0, []
    for name, value in own.items():
        there = other.get(name)
        if _is_number(value) and _is_number(there):
            nearness = _nearness(value, there)
            points += 3 if nearness == 1 else 2 * nearness
            if nearness >= 0.5:
                words = _("same {name}") if nearness == 1 else _("{name} near: {value}")
                why.append(words.format(name=_short(name), value=there))
        elif isinstance(value, str) and value == there and value in names:
            points += 4
            why.append(_("also about {name}").format(name=_short(names[value])))
        elif isinstance(value, str | bool) and value == there and not re.search(r"\s", str(value)):
            points += 3
            why.append(_("same {name}").format(name=_short(name)))
    return points, why


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _nearness(one: float, other: float) -> float:
    """1 for equal numbers, 0 for numbers of different signs or sizes."""
    largest = max(abs(one), abs(other))
    return 1.0 if one == other else max(0.0, 1 - abs(one - other) / largest)


def _short(name: str) -> str:
    return name if len(name) <= 30 else f"{name[:29]}…"


# -- the agent's last calls --------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """How a call ended, as a mark with its own shape and word; `name` is the CSS class."""

    name: str
    icon: str
    label: str | Promise


_DONE = Ending("good", "circle-check", gettext_lazy("done"))
_BAD = Ending("bad", "circle-x", gettext_lazy("failed"))
_UNKNOWN = Ending("bad", "triangle-alert", gettext_lazy("outcome unknown"))
_REJECTED = Ending("no", "ban", gettext_lazy("rejected"))
_EXPIRED = Ending("no", "hourglass", gettext_lazy("expired"))
_CANCELLED = Ending("no", "x", gettext_lazy("cancelled"))
_OPEN = Ending("open", "circle-dashed", gettext_lazy("not ended yet"))
_ENDINGS = {
    Status.SUCCEEDED: _DONE, Status.FAILED: _BAD, Status.OUTCOME_UNKNOWN: _UNKNOWN, Status.DENIED: _REJECTED,
    Status.EXPIRED: _EXPIRED, Status.CANCELLED: _CANCELLED,
}


@dataclass(frozen=True)
class RecentCall:
    row: GovernanceRequest
    ending: Ending


@dataclass(frozen=True)
class RecentCalls:
    """The oldest of them first, as a line of time reads."""

    calls: tuple[RecentCall, ...] = ()

    @property
    def legend(self) -> list[tuple[Ending, int]]:
        """Each ending with how often it is there, the most frequent first."""
        return Counter(call.ending for call in self.calls).most_common()


def recent_calls(user: User, agent: Agent, before: GovernanceRequest | None = None) -> RecentCalls:
    """The agent's last ten calls that came before this one."""
    keys = GovernanceRequest.objects.filter(agent_id=agent.pk).order_by("-received_at", "-id")
    if before is not None:
        keys = keys.filter(received_at__lte=before.received_at).exclude(pk=before.pk)
    newest = list(keys.values_list("pk", flat=True)[:MOST_CALLS])
    rows = _rows(user, newest, "tool")
    return RecentCalls(tuple(
        RecentCall(rows[pk], _ENDINGS.get(status_of(rows[pk]), _OPEN)) for pk in reversed(newest) if pk in rows
    ))


def _rows(user: User, keys: Sequence[UUID], *parts: str) -> dict[UUID, GovernanceRequest]:
    """With as few parts as the page shows: PostgreSQL plans a join of ten tables for longer than it runs."""
    return GovernanceRequest.objects.visible_to(user).select_related(*parts).in_bulk(keys)
