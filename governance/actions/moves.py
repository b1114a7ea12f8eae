"""The only place that writes a request's status, an evidence entry or an outbox event."""

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Q
from django.utils.translation import gettext as _

from governance.actions.deliveries import queue_deliveries
from governance.canonical import canonical
from governance.errors import WrongState
from governance.events import RELAY, announce, announce_administration, announce_work
from governance.models import EvidenceEntry, GovernanceRequest, OutboxEvent, Team, Transition, User
from governance.models.evidence import Fact
from governance.states import Status, can_move
from governance.wording import in_sentence

GATEWAY = "gateway"

REQUESTED = "atlas/tool.execution_requested"
DECIDED = "atlas/sarah.decision"


def agent_actor(name: str) -> str:
    return f"agent:{name}"


def reviewer_actor(user: User) -> str:
    return f"reviewer:{user.username}"


def _move(
    request: GovernanceRequest, to: Status, *, actor: str, now: datetime, reason: str = "", user: User | None = None,
    only: Q | None = None, **fields: Any,
) -> None:
    """Moves the row if it still stands where `request` says, with its transition and its announcement.

    Where it stands: its status, in the same round (an approval that was undone and given again is another one), and
    whatever else `only` asks of the row.

    Runs inside the verb's transaction. Raises WrongState when the move is not allowed or another worker was faster.
    """
    old = Status(request.status)
    if not can_move(old, to):
        raise WrongState(_("%(reference)s is %(old)s and cannot become %(new)s.") % {
            "reference": request.reference, "old": in_sentence(old.label), "new": in_sentence(to.label)
        })
    if to in _ENDS:
        fields["finished_at"] = now
    stands = GovernanceRequest.objects.filter(only or Q(), pk=request.pk, status=old, round=request.round)
    moved = stands.update(status=to, **fields)
    if moved != 1:
        raise WrongState(_("%(reference)s is no longer %(old)s.") % {
            "reference": request.reference, "old": in_sentence(old.label)
        })
    request.status = to
    for name, value in fields.items():
        setattr(request, name, value)
    Transition.objects.create(
        request=request, from_status=old, to_status=to, actor=actor, user=user, reason=reason, at=now
    )
    queue_deliveries([(request.pk, request.agent_id, to)], now=now)
    tell(request, moved=True)


_ENDS = {Status.SUCCEEDED, Status.FAILED, Status.OUTCOME_UNKNOWN, Status.DENIED, Status.EXPIRED, Status.CANCELLED}


def tell(request: GovernanceRequest, *, moved: bool = False) -> None:
    announce(
        request_id=request.pk, reference=request.reference, team_id=request.team_id, status=str(request.status),
        moved=moved,
    )


def record(request: GovernanceRequest, fact: Fact, *, actor: str, now: datetime, **payload: Any) -> None:
    """One evidence entry about a request. Arguments and results go in as digests only."""
    EvidenceEntry.objects.create(
        team_id=request.team_id, request=request, fact=fact, actor=actor, at=now,
        payload=canonical({"reference": request.reference, "status": str(request.status), **payload}),
    )


def record_administration(team: Team, what: str, *, actor: str, now: datetime, **payload: Any) -> None:
    """One evidence entry about an agent, a token, a person, a tool or a policy.

    Whatever processes remember of the team is out of date with it; so the team's generation goes up, last of all.
    """
    EvidenceEntry.objects.create(
        team=team, fact=Fact.ADMINISTERED, actor=actor, at=now, payload=canonical({"what": what, **payload})
    )
    Team.objects.filter(pk=team.pk).update(generation=F("generation") + 1)
    announce_administration(team.pk)


def take_turn(*team_ids: int) -> None:
    """Makes the administrative acts of these teams come one after another, from here to the end of the transaction.

    A verb that changes rows of a team takes the team's row first, this way or by `hold_still`: two orders would be a
    deadlock. SQLite's write lock does the same.
    """
    rows = Team.objects.select_for_update(no_key=True).filter(pk__in=team_ids).order_by("pk")
    list(rows.values_list("pk", flat=True))


def hold_still(team_id: int) -> int:
    """The team's generation, which no administrative act changes before the current transaction has ended.

    A halt that has returned therefore stops every claim that comes after it. SQLite's write lock does the same.
    """
    with connection.cursor() as cursor:
        lock = " FOR SHARE" if connection.vendor == "postgresql" else ""
        cursor.execute(f"SELECT generation FROM governance_team WHERE id = %s{lock}", [team_id])  # noqa: S608
        return cursor.fetchone()[0]


def emit(
    request: GovernanceRequest, name: str, *, kind: str, number: int = 1, not_before: datetime | None = None
) -> OutboxEvent:
    """Puts an event for the workflow into the outbox; it leaves after commit, and not before the given moment."""
    event = OutboxEvent.objects.create(
        event_id=f"request:{request.pk}:{kind}:{number}", name=name, request=request,
        data={"request_id": str(request.pk), "reference": request.reference},
        **({"not_before": not_before} if not_before else {}),
    )
    announce_work(RELAY)
    return event
