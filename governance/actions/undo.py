"""undo: takes an approval back before it is released. Nothing has run by then."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.actions.moves import _move, record, reviewer_actor
from governance.actions.waiting import may_decide
from governance.errors import NotAllowed, WrongState
from governance.models import GovernanceRequest, User
from governance.models.evidence import Fact
from governance.states import Status


def undo(request: GovernanceRequest, *, reviewer: User) -> GovernanceRequest:
    """The request, waiting again in its next round; the decision stays on record as undone.

    Raises NotAllowed for anybody but who approved it, and WrongState once it is released.
    """
    with transaction.atomic():
        request = may_decide(request, reviewer)
        decision = request.decisions.filter(round=request.round).last()
        if decision is None or not request.is_undoable:
            raise WrongState(_("It is too late to undo: %(reference)s is released.") % {
                "reference": request.reference
            })  # fmt: skip
        if decision.reviewer_id != reviewer.pk:
            raise NotAllowed(_("Only %(person)s can undo this approval.") % {"person": decision.decided_by})
        now, actor = timezone.now(), reviewer_actor(reviewer)
        _move(
            request, Status.IN_REVIEW, actor=actor, user=reviewer, now=now, reason="The approval was undone.",
            decided_at=None, finalized_at=None, release_at=None, round=request.round + 1,
        )
        record(request, Fact.UNDONE, actor=actor, now=now, decision=decision.pk, round=request.round)
    return request
