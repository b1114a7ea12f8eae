"""begin_scoring, assess, triage: from a received request to an approval or a place in the queue."""

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance.actions.moves import GATEWAY, _move, record
from governance.models import Assessment, Decision, GovernanceRequest
from governance.models.assessments import BANDS, NO_BAND, Action
from governance.models.decisions import Source
from governance.models.evidence import Fact
from governance.policy import Effect
from governance.scoring.base import Score
from governance.states import Status, Verdict


def begin_scoring(request_id: UUID | str) -> GovernanceRequest:
    """The request, moved to scoring if it was just received. Safe to repeat: the first step of the workflow.

    `started_at` confirms to the reconciler that the event had its effect.
    """
    request = GovernanceRequest.objects.select_related("agent", "team", "tool").get(pk=request_id)
    if request.status == Status.RECEIVED and not request.is_overdue:
        now = timezone.now()
        with transaction.atomic():
            _move(request, Status.SCORING, actor=GATEWAY, now=now, started_at=now)
    return request


def assess(request: GovernanceRequest, score: Score) -> Assessment:
    """Stores the one assessment of a request; a repeated step finds the first."""
    now = timezone.now()
    with transaction.atomic():
        assessment, created = Assessment.objects.get_or_create(
            request=request,
            defaults={
                "risk_score": score.risk_score, "classification": score.classification, "action": score.action,
                "rationale": score.rationale, "scorer": score.scorer, "scorer_version": score.version,
                "failure": score.failure[:500], "duration_ms": score.duration_ms, "created_at": now,
                "contributions": [
                    {"feature": part.feature, "label": part.label, "points": part.points}
                    for part in score.contributions
                ],
            },
        )
        if created:
            request.risk_score = score.risk_score
            request.band = NO_BAND if score.failure else BANDS[str(score.classification)]
            request.save(update_fields=["risk_score", "band"])
            record(
                request, Fact.SCORED, actor=GATEWAY, now=now, risk_score=score.risk_score,
                classification=str(score.classification), action=str(score.action), scorer=score.scorer,
                scorer_version=score.version, failure=score.failure[:500],
            )
    return assessment


def triage(request_id: UUID | str) -> str:
    """Approves low risk, queues the rest for a person; the status it found or made. Safe to repeat.

    Without an assessment, with a score at or above the request's threshold, against the scorer's own PAUSE, by a policy
    that asks for review, or while something is halted, a person decides.
    """
    request = GovernanceRequest.objects.with_parts().get(pk=request_id)
    if request.status != Status.SCORING or request.is_overdue:
        return str(request.status)
    now = timezone.now()
    assessment = getattr(request, "assessment", None)
    with transaction.atomic():
        if assessment is not None and _goes_through(request, assessment):
            _approve(request, assessment)
        else:
            unscored = {} if assessment else {"risk_score": 100, "band": NO_BAND}
            why = f"{_why_reviewed(request, assessment)}: a person decides."
            _move(request, Status.IN_REVIEW, actor=GATEWAY, now=now, reason=why, **unscored)
            record(request, Fact.MOVED, actor=GATEWAY, now=now)
    return str(request.status)


def _goes_through(request: GovernanceRequest, assessment: Assessment) -> bool:
    return (
        request.policy_effect == Effect.SCORE
        and assessment.risk_score < request.threshold
        # The scorer's own PAUSE counts, unless it only says that 70 was reached and the policy asks for more.
        and (assessment.action == Action.ALLOW or assessment.risk_score >= settings.RISK_THRESHOLD)
        and not assessment.failure
        and not request.why_parked()
    )


def _why_reviewed(request: GovernanceRequest, assessment: Assessment | None) -> str:
    if parked := request.why_parked():
        return parked.rstrip(".")
    if request.policy_effect == Effect.REVIEW:
        return f"Rule {request.policy_rule} asks for review"
    if assessment is None:
        return "No risk score"
    return assessment.failure or f"Risk Score {assessment.risk_score}"


def _approve(request: GovernanceRequest, assessment: Assessment) -> None:
    now = timezone.now()
    reason = f"Auto-approved based on Risk Score {assessment.risk_score} per Article 14 Compliance."
    _move(request, Status.APPROVED, actor=GATEWAY, now=now, reason=reason, decided_at=now)
    Decision.objects.create(
        request=request, round=request.round, verdict=Verdict.APPROVED, reason=reason, source=Source.WORKFLOW,
        created_at=now,
    )
    record(
        request, Fact.DECIDED, actor=GATEWAY, now=now, verdict=str(Verdict.APPROVED), reason=reason,
        source=str(Source.WORKFLOW), arguments_digest=request.arguments_digest, tool_digest=request.tool_digest,
    )
