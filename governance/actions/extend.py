"""extend: more time to decide, within bounds."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.actions.moves import record, reviewer_actor, tell
from governance.actions.waiting import check_waiting, may_decide
from governance.errors import InvalidArguments, LimitExceeded, WrongState
from governance.models import GovernanceRequest, User
from governance.models.evidence import Fact
from governance.states import Status

HOUR = 3600
EXTENSIONS = (HOUR, 4 * HOUR, 24 * HOUR)  # seconds a reviewer can choose from
LATEST = timedelta(days=7)  # after the call's arrival
MAX_EXTEND_REASON_CHARS = 500


def extend(request: GovernanceRequest, *, reviewer: User, seconds: int, reason: str = "") -> GovernanceRequest:
    """The request with its deadline later by `seconds`, one of EXTENSIONS, and never beyond LATEST.

    Raises NotAllowed and WrongState as `decide` does, InvalidArguments and LimitExceeded (no time left to give).
    """
    reason = reason.strip()
    if seconds not in EXTENSIONS:
        raise InvalidArguments(_("Extend by 1, 4 or 24 hours."))
    if len(reason) > MAX_EXTEND_REASON_CHARS:
        raise InvalidArguments(_("Keep it within %(limit)d characters.") % {"limit": MAX_EXTEND_REASON_CHARS})
    with transaction.atomic():
        request = may_decide(request, reviewer)
        check_waiting(request)
        before, now = request.deadline, timezone.now()
        deadline = min(before + timedelta(seconds=seconds), request.received_at + LATEST)
        if deadline <= before:
            raise LimitExceeded(_("A call waits at most 7 days after its arrival. Decide it."))
        moved = GovernanceRequest.objects.filter(pk=request.pk, status=Status.IN_REVIEW, deadline=before)
        if moved.update(deadline=deadline) != 1:
            raise WrongState(_("Somebody else was faster. Look at the case again."))
        request.deadline = deadline
        record(
            request, Fact.EXTENDED, actor=reviewer_actor(reviewer), now=now, before=before.isoformat(),
            deadline=deadline.isoformat(), reason=reason,
        )
        tell(request)
    return request
