"""Several waiting calls that are the same, as one card: everything that would run is shown, whole."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from governance.actions import why_not_alike
from governance.actions.decide import MAX_ALIKE
from governance.characters import visible
from governance.errors import GovernanceError
from governance.models import Decision, GovernanceRequest, User
from reviews import queries
from reviews.arguments import pretty
from reviews.marks import attach_marks

_REFERENCE = re.compile(r"evt_[0-9a-f]{16}")


@dataclass(frozen=True)
class Asker:
    """One of the calls: who makes it, and why this person cannot decide it (empty when they can)."""

    row: GovernanceRequest
    why_not: str


@dataclass(frozen=True)
class Batch:
    askers: list[Asker]
    why_not: str
    arguments: list[tuple[str, str]]  # names and whole values, hidden characters spelled out
    raw: str

    @property
    def first(self) -> GovernanceRequest | None:
        return self.askers[0].row if self.askers else None

    @property
    def can_decide(self) -> bool:
        return not self.why_not and any(not asker.why_not for asker in self.askers)


@dataclass(frozen=True)
class Outcome:
    row: GovernanceRequest
    decision: Decision | None
    refusal: str


def chosen_rows(user: User, references: Sequence[str]) -> list[GovernanceRequest]:
    """The requests of these references that this person sees; of more than MAX_ALIKE, one more than that."""
    wanted = list(dict.fromkeys(filter(_REFERENCE.fullmatch, references)))[: MAX_ALIKE + 1]
    seen = GovernanceRequest.objects.visible_to(user).filter(reference__in=wanted)
    rows = queries.rows_of(user, seen.order_by("received_at", "id").values_list("received_at", "pk"))
    attach_marks(rows, user)
    return rows


def batch_of(user: User, rows: Sequence[GovernanceRequest]) -> Batch:
    why_not = why_not_alike(rows)
    askers = [Asker(row, _why_not(row, user)) for row in rows]
    if why_not:
        return Batch(askers, why_not, [], "")
    return Batch(askers, "", [_whole(*item) for item in rows[0].arguments.items()], visible(rows[0].arguments_json))


def _whole(name: str, value: object) -> tuple[str, str]:
    return visible(name), visible(value) if isinstance(value, str) else pretty(value)


def _why_not(row: GovernanceRequest, user: User) -> str:
    if not row.is_waiting:
        return _("It does not wait any more.")
    if row.marks.holder and not row.marks.is_mine:
        return _("%(person)s is reading this case.") % {"person": row.marks.holder.display_name}
    return row.marks.parked or row.why_not_decided_by(user)


def outcomes_of(results: Sequence[tuple[GovernanceRequest, Decision | GovernanceError]]) -> list[Outcome]:
    return [
        Outcome(row, result, "") if isinstance(result, Decision) else Outcome(row, None, str(result))
        for row, result in results
    ]
