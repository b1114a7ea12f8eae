"""claim, release, hand_over: who reads a case now, so that two people do not read the same one.

A claim runs out by itself, so that nobody's lunch stops a case.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.actions.moves import record, reviewer_actor, tell
from governance.actions.waiting import check_waiting, may_decide
from governance.errors import InvalidArguments, NotAllowed, WrongState
from governance.models import GovernanceRequest, User
from governance.models.evidence import Fact

CLAIMED_FOR = timedelta(minutes=15)
HANDED_OVER_FOR = timedelta(hours=4)
MAX_NOTE_CHARS = 500


class Claimed(WrongState):
    """Somebody else reads this case now."""


def claim(request: GovernanceRequest, *, reviewer: User, take_over: bool = False) -> GovernanceRequest:
    """The request, this person's for CLAIMED_FOR; again renews it.

    Raises Claimed when somebody else has it and it is not taken over, NotAllowed and WrongState as `decide` does.
    """
    with transaction.atomic():
        request = may_decide(request, reviewer)
        check_waiting(request)
        now = timezone.now()
        before = request.claimant
        if before is not None and before != reviewer and not take_over:
            raise Claimed(why_claimed(request))
        is_renewed = before == reviewer
        # What a hand-over gave stays its receiver's for as long as it said, with its note.
        until = max(now + CLAIMED_FOR, request.claimed_until) if is_renewed else now + CLAIMED_FOR
        _hold(request, reviewer, until, request.claim_note if is_renewed else "")
        if not is_renewed:
            record(
                request, Fact.CLAIMED, actor=reviewer_actor(reviewer), now=now,
                taken_over_from=before.username if before else "",
            )
    return request


def release(request: GovernanceRequest, *, reviewer: User) -> GovernanceRequest:
    """The request, free for anybody; one that this person does not have is left as it is."""
    with transaction.atomic():
        request = may_decide(request, reviewer)
        if request.claimant == reviewer:
            _hold(request, None, None, "")
            record(request, Fact.RELEASED, actor=reviewer_actor(reviewer), now=timezone.now())
    return request


def hand_over(request: GovernanceRequest, *, reviewer: User, to: User, note: str = "") -> GovernanceRequest:
    """The request, claimed by a colleague for HANDED_OVER_FOR, or until its deadline.

    Raises NotAllowed when either of the two may not decide it, Claimed, WrongState, InvalidArguments (note too long).
    """
    note = note.strip()
    if len(note) > MAX_NOTE_CHARS:
        raise InvalidArguments(_("Keep the note within %(limit)d characters.") % {"limit": MAX_NOTE_CHARS})
    with transaction.atomic():
        request = may_decide(request, reviewer)
        check_waiting(request)
        if request.claimant not in (None, reviewer):
            raise Claimed(why_claimed(request))
        if to == reviewer:
            raise InvalidArguments(_("Choose somebody else to hand it over to."))
        if why := request.why_not_decided_by(to):
            raise NotAllowed(_("%(person)s cannot decide this: %(why)s") % {"person": to.display_name, "why": why})
        now = timezone.now()
        _hold(request, to, min(now + HANDED_OVER_FOR, request.deadline), note)
        record(request, Fact.HANDED_OVER, actor=reviewer_actor(reviewer), now=now, to=to.username, note=note)
    return request


def why_claimed(request: GovernanceRequest) -> str:
    """Who has it, in a sentence."""
    return _("%(person)s is reading this case. Take it over to decide it yourself.") % {
        "person": request.claimant.display_name
    }


def free_for(reviewer: User) -> Q:
    """Of a request's row: nobody else reads the case now."""
    now = timezone.now()
    return Q(claimed_by=None) | Q(claimed_by=reviewer) | Q(claimed_until=None) | Q(claimed_until__lte=now)


def _hold(request: GovernanceRequest, by: User | None, until: datetime | None, note: str) -> None:
    """Moves the claim if nobody else did since it was read; the same person's other page is nobody else."""
    stands = Q(claimed_by=request.claimed_by_id)
    if by is not None:
        stands = Q(stands, claimed_until=request.claimed_until) | Q(claimed_by=by)
    held = GovernanceRequest.objects.filter(stands, pk=request.pk, status=request.status, round=request.round)
    if held.update(claimed_by=by, claimed_until=until, claim_note=note) != 1:
        raise Claimed(_("Somebody else was faster. Look at the case again."))
    request.claimed_by, request.claimed_until, request.claim_note = by, until, note
    tell(request)
