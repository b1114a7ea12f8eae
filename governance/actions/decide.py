"""decide: a person's verdict on exactly this request. The row is the truth; the event only wakes the workflow."""

from django.db import transaction
from django.utils import timezone
from django.utils.timezone import localtime

from governance.actions.binding import why_not_runnable
from governance.actions.moves import DECIDED, _move, emit, record, reviewer_actor
from governance.errors import AlreadyDecided, InvalidArguments, NotAllowed, WrongState
from governance.models import Decision, GovernanceRequest, User
from governance.models.decisions import Source
from governance.models.evidence import Fact
from governance.states import Status, Verdict

MAX_DECISION_REASON_CHARS = 4_000


def decide(
    request: GovernanceRequest, *, reviewer: User, verdict: Verdict, reason: str = "", source: Source
) -> Decision:
    """The decision, new or the same reviewer's equal one from before.

    Raises NotAllowed (no right, own agent), AlreadyDecided (by whom and when), WrongState (not waiting, expired; an
    approval of what is halted or denied by policy) and InvalidArguments (reason too long). Of several at once exactly
    one wins.
    """
    reason = reason.strip()
    if len(reason) > MAX_DECISION_REASON_CHARS:
        raise InvalidArguments(f"The reason has more than {MAX_DECISION_REASON_CHARS:,} characters. Shorten it.")
    with transaction.atomic():
        request = GovernanceRequest.objects.with_parts().get(pk=request.pk)
        if why := request.why_not_decided_by(reviewer):
            raise NotAllowed(why)
        if same := _same_decision(request, reviewer, verdict):
            return same
        _check_waiting(request)
        if verdict is Verdict.APPROVED and (why := why_not_runnable(request)):
            raise WrongState(f"{why} It cannot be approved now; you can still reject it.")
        now = timezone.now()
        actor = reviewer_actor(reviewer)
        try:
            _move(request, verdict.status, actor=actor, user=reviewer, now=now, reason=reason, decided_at=now)
        except WrongState:
            if same := _same_decision(request, reviewer, verdict):  # the same call sent twice at once
                return same
            _check_waiting(GovernanceRequest.objects.get(pk=request.pk))
            raise
        decision = Decision.objects.create(
            request=request, round=request.round, reviewer=reviewer, verdict=verdict, reason=reason, source=source,
            created_at=now,
        )
        record(
            request, Fact.DECIDED, actor=actor, now=now, verdict=str(verdict), reason=reason, source=str(source),
            arguments_digest=request.arguments_digest, tool_digest=request.tool_digest, round=request.round,
        )
        emit(request, DECIDED, kind="decision" if request.round == 1 else f"decision-{request.round}")
    return decision


def _same_decision(request: GovernanceRequest, reviewer: User, verdict: Verdict) -> Decision | None:
    """This reviewer's equal decision, None when there is no decision at all. Raises AlreadyDecided for another one.

    One look at the rows: between two, somebody could decide.
    """
    decision = request.decisions.filter(round=request.round).select_related("reviewer").order_by("id").last()
    if decision is None or (decision.reviewer_id == reviewer.pk and decision.verdict == verdict):
        return decision
    raise AlreadyDecided(
        f"{request.reference} is already decided: {decision.get_verdict_display().lower()} by {decision.decided_by} "
        f"at {localtime(decision.created_at):%Y-%m-%d %H:%M:%S %Z}."
    )


def _check_waiting(request: GovernanceRequest) -> None:
    """Raises the reason why nobody can decide this undecided request now."""
    if request.status == Status.EXPIRED or request.is_overdue:
        raise WrongState(f"{request.reference} expired at {localtime(request.deadline):%Y-%m-%d %H:%M:%S %Z}.")
    if request.status != Status.IN_REVIEW:
        status = request.get_status_display().lower()
        raise WrongState(f"{request.reference} is {status}; nothing waits for a decision.")
