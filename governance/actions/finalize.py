"""finalize and expire: the workflow has seen the verdict; silence becomes not approved."""

from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from governance.actions.moves import GATEWAY, _move, record
from governance.errors import WrongState
from governance.models import GovernanceRequest
from governance.models.evidence import Fact
from governance.states import Status


def finalize(request_id: UUID | str) -> str:
    """Marks that the workflow knows the verdict, expiring what is overdue; the status. Safe to repeat."""
    request = GovernanceRequest.objects.get(pk=request_id)
    expire(request)
    GovernanceRequest.objects.filter(pk=request.pk, finalized_at=None).update(finalized_at=timezone.now())
    return str(request.status)


def expire(request: GovernanceRequest) -> bool:
    """Moves an overdue request to expired. False when it is not overdue or somebody was faster."""
    if not request.is_overdue:
        return False
    now = timezone.now()
    try:
        with transaction.atomic():
            _move(
                # More time may have been given a moment ago.
                request, Status.EXPIRED, actor=GATEWAY, now=now, only=Q(deadline=request.deadline),
                reason="The deadline passed without a decision." if request.decided_at is None
                else "The approval was not used before the deadline.",
            )
            record(request, Fact.MOVED, actor=GATEWAY, now=now, deadline=request.deadline.isoformat())
    except WrongState:
        request.refresh_from_db(fields=["status", "deadline", "release_at"])
        return False
    return True
