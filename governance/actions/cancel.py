"""cancel: the agent takes its call back before it ran."""

from django.db import transaction
from django.utils import timezone

from governance.actions.moves import DECIDED, _move, agent_actor, emit, record
from governance.errors import NotAllowed, WrongState
from governance.models import Agent, GovernanceRequest
from governance.models.evidence import Fact
from governance.states import UNDECIDED, Status


def cancel(request: GovernanceRequest, *, agent: Agent, reason: str = "") -> GovernanceRequest:
    """The request, cancelled; the same again is not an error.

    Raises NotAllowed for somebody else's request and WrongState once it is decided: what runs cannot be called back.
    """
    if request.agent_id != agent.pk:
        raise NotAllowed("This request belongs to another agent.")
    now = timezone.now()
    with transaction.atomic():
        request = GovernanceRequest.objects.select_related("agent").get(pk=request.pk)
        if request.status == Status.CANCELLED:
            return request
        if request.status not in UNDECIDED or request.is_overdue:
            raise WrongState(
                f"{request.reference} is {request.get_status_display().lower()} and cannot be cancelled any more."
            )
        actor = agent_actor(request.agent.name)
        waited = request.status == Status.IN_REVIEW
        _move(request, Status.CANCELLED, actor=actor, now=now, reason=reason.strip()[:1000], decided_at=now)
        record(request, Fact.MOVED, actor=actor, now=now, reason=reason.strip()[:1000])
        if waited:  # its workflow waits for a decision that will not come
            emit(request, DECIDED, kind=f"cancelled-{request.round}")
    return request
