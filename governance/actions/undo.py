"""undo: takes an approval back before it is released. Nothing has run by then."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.actions.moves import _move, record, reviewer_actor
from governance.actions.waiting import may_decide
from governance.errors import NotAllowed, WrongState
from governance.models import Decision, GovernanceRequest, User
from governance.models.decisions import Source
from governance.models.evidence import Fact
from governance.states import Status, Verdict


def undo(request: GovernanceRequest, *, reviewer: User) -> GovernanceRequest:
    """The request, waiting again in its next round; the decision stays on record as undone.

    Raises NotAllowed for anybody but who approved it, and WrongState once it is released.
    """
    with transaction.atomic():
        request = may_decide(request, reviewer)
        decision = request.decision
        if decision is None:
            raise WrongState(_("There is no approval of %(reference)s to undo.") % {"reference": request.reference})
        if not request.is_undoable:
            raise WrongState(_why_not(decision))
        if decision.reviewer_id != reviewer.pk:
            raise NotAllowed(_("Only %(person)s can undo this approval.") % {"person": decision.decided_by})
        now, actor = timezone.now(), reviewer_actor(reviewer)
        _move(
            request, Status.IN_REVIEW, actor=actor, user=reviewer, now=now, reason="The approval was undone.",
            decided_at=None, finalized_at=None, release_at=None, round=request.round + 1,
        )
        record(request, Fact.UNDONE, actor=actor, now=now, decision=decision.pk, round=request.round)
    return request


def _why_not(decision: Decision) -> str:
    reference = {"reference": decision.request.reference}
    if decision.verdict != Verdict.APPROVED:
        return _("%(reference)s was rejected, which is final.") % reference
    if decision.source != Source.CONSOLE:
        return _("Only an approval in the console can be undone; %(reference)s was released at once.") % reference
    return _("It is too late to undo: %(reference)s is released.") % reference
