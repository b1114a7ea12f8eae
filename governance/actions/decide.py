"""decide: a person's verdict on exactly this request. The row is the truth; the event only wakes the workflow."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from governance.actions.binding import why_not_runnable
from governance.actions.claim import Claimed, free_for, why_claimed
from governance.actions.moves import DECIDED, _move, emit, record, reviewer_actor
from governance.actions.waiting import check_waiting, may_decide
from governance.canonical import bound_arguments
from governance.changes import changes
from governance.errors import AlreadyDecided, GovernanceError, InvalidArguments, WrongState
from governance.models import Decision, GovernanceRequest, User
from governance.models.decisions import Source
from governance.models.evidence import Fact
from governance.schemas import validate_arguments
from governance.states import Verdict
from governance.wording import in_sentence

MAX_DECISION_REASON_CHARS = 4_000
TIME_TO_RUN = timedelta(seconds=10)  # of the deadline, which the time for an undo leaves to an approval
MAX_ALIKE = 50
LOW_TIER = 70  # from this risk on, each call gets a person's eyes of its own, whatever a rule's threshold says


def decide(
    request: GovernanceRequest, *, reviewer: User, verdict: Verdict, reason: str = "", source: Source,
    arguments: Mapping[str, Any] | None = None,
) -> Decision:
    """The decision, new or the same reviewer's equal one from before.

    `arguments` is the call as the reviewer edited it: with an approval, it runs instead of what the agent sent. An
    approval in the console is released after UNDO_SECONDS. Raises NotAllowed (no right, own agent), AlreadyDecided (by
    whom and when), Claimed (console: somebody else reads it), WrongState (not waiting, expired; an approval of what is
    halted or denied by policy), InvalidArguments (reason too long; the edited call does not fit the tool's schema) and
    LimitExceeded (the edited call is too large). Of several at once exactly one wins.
    """
    reason = reason.strip()
    if len(reason) > MAX_DECISION_REASON_CHARS:
        limit = f"{MAX_DECISION_REASON_CHARS:,}"
        raise InvalidArguments(_("The reason has more than %(limit)s characters. Shorten it.") % {"limit": limit})
    with transaction.atomic():
        request = may_decide(request, reviewer)
        edited = _edited(request, verdict, arguments)
        if same := _same_decision(request, reviewer, verdict, edited):
            return same
        check_waiting(request)
        _check_claim(request, reviewer, source)
        if verdict is Verdict.APPROVED and (why := why_not_runnable(request, edited["arguments_json"])):
            raise WrongState(_("%(why)s It cannot be approved now; you can still reject it.") % {"why": why})
        now, actor = timezone.now(), reviewer_actor(reviewer)
        release_at = _release_at(request, verdict, source, now)
        try:
            _move(
                request, verdict.status, actor=actor, user=reviewer, now=now, reason=reason, decided_at=now,
                release_at=release_at, only=free_for(reviewer) if source == Source.CONSOLE else None,
            )
        except WrongState:
            if same := _same_decision(request, reviewer, verdict, edited):  # the same call sent twice at once
                return same
            now_standing = GovernanceRequest.objects.select_related("claimed_by").get(pk=request.pk)
            check_waiting(now_standing)
            _check_claim(now_standing, reviewer, source)
            raise
        decision = Decision.objects.create(
            request=request, round=request.round, reviewer=reviewer, verdict=verdict, reason=reason, source=source,
            created_at=now, **edited,
        )
        _leave_evidence(decision, actor)
        kind = "decision" if request.round == 1 else f"decision-{request.round}"
        emit(request, DECIDED, kind=kind, not_before=release_at)
    return decision


def _check_claim(request: GovernanceRequest, reviewer: User, source: Source) -> None:
    """Claims are for people at screens: programs and terminals decide what is claimed, too."""
    if source == Source.CONSOLE and request.claimant not in (None, reviewer):
        raise Claimed(why_claimed(request))


def _release_at(request: GovernanceRequest, verdict: Verdict, source: Source, now: datetime) -> datetime | None:
    """Until when it can be undone; None when it takes effect at once, as it does just before the deadline."""
    if source != Source.CONSOLE or verdict is not Verdict.APPROVED:
        return None
    until = min(now + timedelta(seconds=settings.UNDO_SECONDS), request.deadline - TIME_TO_RUN)
    return until if until > now else None


def _edited(request: GovernanceRequest, verdict: Verdict, arguments: Mapping[str, Any] | None) -> dict[str, str]:
    """The decision's own arguments, checked as the agent's were; empty when they are what the agent sent."""
    unchanged = {"arguments_json": "", "arguments_digest": ""}
    if arguments is None:
        return unchanged
    if verdict is not Verdict.APPROVED:
        raise InvalidArguments(_("Only a call that is approved can be edited."))
    text, arguments_digest = bound_arguments(arguments)
    if arguments_digest == request.arguments_digest:
        return unchanged
    validate_arguments(request.tool, arguments)
    return {"arguments_json": text, "arguments_digest": arguments_digest}


def _leave_evidence(decision: Decision, actor: str) -> None:
    request, now = decision.request, decision.created_at
    approved = decision.arguments_digest or request.arguments_digest
    if decision.is_edited:
        record(
            request, Fact.EDITED, actor=actor, now=now, before=request.arguments_digest, after=approved,
            paths=[change.path for change in changes(request.arguments, decision.arguments)],
        )
    record(
        request, Fact.DECIDED, actor=actor, now=now, verdict=str(decision.verdict), reason=decision.reason,
        source=str(decision.source), arguments_digest=approved, tool_digest=request.tool_digest, round=request.round,
    )


def _same_decision(
    request: GovernanceRequest, reviewer: User, verdict: Verdict, edited: Mapping[str, str]
) -> Decision | None:
    """This reviewer's equal decision, None when there is no decision at all. Raises AlreadyDecided for another one.

    One look at the rows: between two, somebody could decide.
    """
    decision = request.decisions.filter(round=request.round).select_related("reviewer").order_by("id").last()
    if decision is None or (
        decision.reviewer_id == reviewer.pk and decision.verdict == verdict
        and decision.arguments_digest == edited["arguments_digest"]
    ):
        return decision
    raise AlreadyDecided(_("%(reference)s is already decided: %(verdict)s by %(person)s at %(at)s.") % {
        "reference": request.reference, "verdict": in_sentence(decision.get_verdict_display()),
        "person": decision.decided_by, "at": f"{localtime(decision.created_at):%Y-%m-%d %H:%M:%S %Z}",
    })  # fmt: skip


# -- several calls that are the same ----------------------------------------------------------


def decide_alike(
    requests: Sequence[GovernanceRequest], *, reviewer: User, verdict: Verdict, reason: str = "", source: Source
) -> list[tuple[GovernanceRequest, Decision | GovernanceError]]:
    """Decides each of these identical calls by itself: what one of them met does not touch the others.

    Raises InvalidArguments when they are not alike (`why_not_alike`).
    """
    if why := why_not_alike(requests):
        raise InvalidArguments(why)
    outcomes: list[tuple[GovernanceRequest, Decision | GovernanceError]] = []
    for request in requests:
        try:
            outcomes.append(
                (request, decide(request, reviewer=reviewer, verdict=verdict, reason=reason, source=source))
            )
        except GovernanceError as refusal:
            outcomes.append((request, refusal))
    return outcomes


def why_not_alike(requests: Sequence[GovernanceRequest]) -> str:
    """Why these cannot be decided in one act; empty when they can: one tool, one text of arguments, low risk."""
    if not 2 <= len(requests) <= MAX_ALIKE:
        return _("Choose from 2 to %(limit)d requests.") % {"limit": MAX_ALIKE}
    if len({(request.tool_id, request.tool_digest, request.arguments_digest) for request in requests}) > 1:
        return _("Only calls of one tool with exactly the same arguments can be decided together.")
    for request in requests:
        assessment = getattr(request, "assessment", None)
        if assessment is None or assessment.failure or assessment.risk_score >= LOW_TIER:
            return _("%(reference)s is not of low risk. Decide it by itself.") % {"reference": request.reference}
    return ""
