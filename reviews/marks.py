"""What a row of the queue shows beside its call: who holds it, what the agent was asked, whether it is halted."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from governance.actions.claim import CLAIMED_FOR
from governance.models import GovernanceRequest, User
from governance.models.requests import Asked


@dataclass(frozen=True)
class Marks:
    holder: User | None
    is_mine: bool
    was_handed: bool  # a colleague gave it to this person
    is_asked: bool
    is_answered: bool
    parked: str

    @property
    def initials(self) -> str:
        """At most two characters."""
        names = self.holder.display_name.split() if self.holder else []
        return "".join(name[0] for name in (names[:1] + names[-1:] if len(names) > 1 else names)).upper()

    def stamp(self, request: GovernanceRequest) -> str:
        """Another one than before: the row on the screen is out of date."""
        holder = self.holder.pk if self.holder else ""
        flags = "".join(str(int(flag)) for flag in (self.is_asked, self.is_answered, bool(self.parked)))
        return f"{request.status}.{request.round}.{holder}.{flags}.{request.deadline:%d%H%M%S}"


def attach_marks(rows: Sequence[GovernanceRequest], user: User) -> None:
    """Sets `marks` and `stamp` on each row."""
    now = timezone.now()
    for row in rows:
        holder = row.claimant
        is_mine = holder == user
        row.marks = Marks(
            holder=holder, is_mine=is_mine, is_asked=row.asked == Asked.OPEN, is_answered=row.asked == Asked.ANSWERED,
            was_handed=is_mine and bool(row.claim_note or row.claimed_until - now > CLAIMED_FOR),
            parked=row.why_parked() if row.is_waiting else "",
        )
        row.stamp = row.marks.stamp(row)
