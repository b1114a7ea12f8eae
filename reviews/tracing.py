"""The trace of one request: every step from call to outcome, put together from the rows that the verbs left.

Evidence comes first, since it holds every fact with its time; what has a beginning (scoring, waiting, a question, the
tool's run, a delivery) becomes a span. Nothing here is stored.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.characters import visible
from governance.models import EvidenceEntry, GovernanceRequest, Transition, User
from governance.models.evidence import Fact
from governance.states import Status
from reviews.charts import percent, places_of
from reviews.waits import span

MOST = 400  # entries of one request
NARROW = 9.0  # percent: a gap narrower than that is not named on the axis

WHO = {
    "gateway": gettext_lazy("Gateway"), "person": gettext_lazy("Person"), "agent": gettext_lazy("Agent"),
    "tool": gettext_lazy("Tool"), "delivery": gettext_lazy("Webhook"),
}


@dataclass
class Step:
    """One fact. `start` is when what it ends began; None: it has no length."""

    at: datetime
    what: str
    kind: str  # a key of WHO
    who: str = ""
    detail: str = ""
    start: datetime | None = None
    evidence: int | None = None
    # set when it is drawn
    gap: float = 0.0
    x: str = ""
    width: str = ""

    @property
    def seconds(self) -> float | None:
        return None if self.start is None else max(0.0, (self.at - self.start).total_seconds())


@dataclass(frozen=True)
class Gap:
    """A stretch of the axis, with its length in words."""

    x: str
    centre: str
    label: str
    is_minor: bool  # not named where the room is narrow


@dataclass(frozen=True)
class Phase:
    kind: str
    label: str
    seconds: float
    share: float
    x: str
    width: str


@dataclass(frozen=True)
class Trace:
    request: GovernanceRequest
    steps: list[Step]
    gaps: list[Gap] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    total: float = 0.0

    def by_people(self) -> float:
        return sum(phase.seconds for phase in self.phases if phase.kind == "person")

    def by_machines(self) -> float:
        return self.total - self.by_people()


def trace_of(request: GovernanceRequest) -> Trace:
    transitions = list(request.transitions.select_related("user").order_by("id")[:MOST])
    # Stable: what has the same time stays as it was noted.
    steps = sorted(_steps(request, transitions), key=lambda step: step.at)
    _name_people(steps)
    _draw(steps)
    end = timezone.now() if request.is_open else request.finished_at or transitions[-1].at
    phases = _phases(request, transitions, end)
    return Trace(request, steps, _gaps(steps), phases, sum(phase.seconds for phase in phases))


# -- steps -------------------------------------------------------------------------------------


def _steps(request: GovernanceRequest, transitions: list[Transition]) -> Iterator[Step]:
    asked: dict[Any, datetime] = {}
    entries = list(request.evidence.order_by("id")[:MOST])
    if not entries:  # rows that no verb wrote: imported, or made for a measurement
        yield from (Step(move.at, move.get_to_status_display(), *reversed(_actor(move.actor))) for move in transitions)
    for entry in entries:
        payload = json.loads(entry.payload)
        if entry.fact == Fact.ASKED:
            asked[payload.get("question")] = entry.at
        yield from _of_entry(request, transitions, entry, payload, asked)
    if request.release_at and request.release_at <= timezone.now() and request.status != Status.IN_REVIEW:
        yield Step(
            request.release_at, _("Released"), "gateway", _("Gateway"), _("The time to undo was over."),
            request.decided_at,
        )
    execution = getattr(request, "execution", None)
    if execution is not None and execution.returned_at:
        yield Step(
            execution.returned_at, _("The tool returned"), "tool", visible(request.tool.server.name),
            visible(execution.error), execution.claimed_at,
        )
    for delivery in request.deliveries.order_by("created_at", "id")[:MOST]:
        ended = delivery.delivered_at or delivery.failed_at
        state = _("delivered") if delivery.delivered_at else _("given up") if delivery.failed_at else _("under way")
        detail = _("%(event)s: %(state)s, %(n)s attempts") % {
            "event": delivery.event, "state": state, "n": delivery.attempts
        }
        yield Step(
            ended or delivery.created_at, _("Webhook sent") if ended else _("Webhook queued"), "delivery",
            _("Gateway"), detail, delivery.created_at if ended else None,
        )


def _of_entry(
    request: GovernanceRequest, transitions: list[Transition], entry: EvidenceEntry, payload: dict[str, Any],
    asked: dict[Any, datetime],
) -> Iterator[Step]:
    who, kind = _actor(entry.actor)
    step = Step(entry.at, entry.get_fact_display(), kind, who, evidence=entry.pk)
    match entry.fact:
        case Fact.RECEIVED:
            step.what = _("Call received")
            yield step
            yield _ruled(entry, payload)
            return
        case Fact.SCORED:
            step.what, step.start = _("Scored"), _began(transitions, entry.at, Status.SCORING)
            step.detail = _scored(request, payload)
        case Fact.MOVED:
            step.what, step.detail = _moved(transitions, entry, payload)
            if payload.get("status") in (Status.EXPIRED, Status.CANCELLED):
                step.start = _began(transitions, entry.at, Status.IN_REVIEW)
        case Fact.DECIDED:
            step.what = _("Approved") if payload.get("verdict") == "APPROVED" else _("Rejected")
            step.detail = visible(payload.get("reason", ""))
            if kind == "person":
                step.start = _began(transitions, entry.at, Status.IN_REVIEW)
        case Fact.EXECUTED:
            step.what = _("Execution claimed")
            if payload.get("attempt", 1) > 1:
                step.detail = _("attempt %(n)s") % {"n": payload["attempt"]}
        case Fact.OUTCOME:
            step.what = _outcome(payload)
            step.detail = visible(payload.get("error", ""))
        case Fact.HANDED_OVER:
            step.detail = " · ".join(visible(payload[name]) for name in ("to", "note") if payload.get(name))
        case Fact.CLAIMED:
            if before := payload.get("taken_over_from"):
                step.detail = _("taken over from %(person)s") % {"person": visible(before)}
        case Fact.ASKED:
            step.detail = visible(payload.get("text", ""))
        case Fact.ANSWERED:
            step.detail, step.start = visible(payload.get("text", "")), asked.get(payload.get("question"))
        case Fact.EDITED:
            step.detail = visible(", ".join(map(str, payload.get("paths", []))))
        case Fact.EXTENDED:
            until = parse_datetime(payload.get("deadline", ""))
            step.detail = _("until %(at)s") % {
                "at": date_format(timezone.localtime(until), "j M, H:i") if until else "–"
            }
    yield step


def _ruled(entry: EvidenceEntry, payload: dict[str, Any]) -> Step:
    rule, number = payload.get("policy_rule", ""), payload.get("policy_version")
    effects = {
        "allow": _("may run at once"), "deny": _("is refused"), "score": _("is scored"),
        "review": _("is put before a person"),
    }
    effect = effects.get(payload.get("policy_effect", ""), "")
    if number:
        detail = _("rule %(rule)s of policy %(number)s: the call %(effect)s") % {
            "rule": visible(rule), "number": number, "effect": effect
        }
    else:
        detail = _("no rule matched: the call %(effect)s") % {"effect": effect}
    return Step(entry.at, _("Policy asked"), "gateway", _("Gateway"), detail, evidence=entry.pk)


def _scored(request: GovernanceRequest, payload: dict[str, Any]) -> str:
    if failure := payload.get("failure"):
        return visible(failure)
    assessment = getattr(request, "assessment", None)
    words = _("risk %(risk)s by %(scorer)s %(version)s") % {
        "risk": payload.get("risk_score"), "scorer": visible(payload.get("scorer", "")),
        "version": visible(payload.get("scorer_version", "")),
    }
    return f"{words.strip()} ({span(assessment.duration_ms / 1000)})" if assessment else words.strip()


def _moved(transitions: list[Transition], entry: EvidenceEntry, payload: dict[str, Any]) -> tuple[str, str]:
    """What the move was, and why it was made."""
    status = payload.get("status", "")
    moves = [move for move in transitions if move.to_status == status and move.at == entry.at]
    sent_back = bool(moves) and moves[-1].from_status == Status.APPROVED
    words = {
        Status.IN_REVIEW: _("Sent back to a person") if sent_back else _("Put before a person"),
        Status.EXPIRED: _("Expired"), Status.CANCELLED: _("Cancelled"),
    }
    return words.get(status) or str(Status(status).label if status in Status.values else status), visible(
        moves[-1].reason if moves else payload.get("reason", "")
    )


def _outcome(payload: dict[str, Any]) -> str:
    if payload.get("is_unknown"):
        return _("Outcome unknown")
    return _("The tool reported an error") if payload.get("is_error") else _("Ended well")


def _actor(actor: str) -> tuple[str, str]:
    """Name and kind."""
    kind, _colon, name = actor.partition(":")
    if kind == "agent":
        return visible(name), "agent"
    return (visible(name), "person") if kind == "reviewer" else (_("Gateway"), "gateway")


def _began(transitions: list[Transition], before: datetime, status: Status) -> datetime | None:
    """When the request last came into this state before that moment."""
    return max((move.at for move in transitions if move.to_status == status and move.at <= before), default=None)


def _name_people(steps: list[Step]) -> None:
    """Evidence holds user names; the page says what people are called."""
    people = User.objects.filter(username__in={step.who for step in steps if step.kind == "person"})
    names = {person.username: visible(person.display_name) for person in people}
    for step in steps:
        if step.kind == "person":
            step.who = names.get(step.who, step.who)


# -- the drawing -------------------------------------------------------------------------------


def _instants(steps: list[Step]) -> list[datetime]:
    return sorted({moment for step in steps for moment in (step.start, step.at) if moment is not None})


def _draw(steps: list[Step]) -> None:
    instants = _instants(steps)
    places = dict(zip(instants, places_of([at.timestamp() for at in instants]), strict=True))
    before: datetime | None = None
    for step in steps:
        left = places[step.start or step.at]
        step.x, step.width = percent(left), percent(places[step.at] - left)
        step.gap = (step.at - before).total_seconds() if before else 0.0
        before = step.at


def _gaps(steps: list[Step]) -> list[Gap]:
    instants = _instants(steps)
    places = places_of([at.timestamp() for at in instants])
    gaps = []
    for number in range(1, len(instants)):
        left, right = places[number - 1], places[number]
        took = (instants[number] - instants[number - 1]).total_seconds()
        label = span(took) if right - left >= NARROW else ""
        gaps.append(Gap(percent(right), percent((left + right) / 2), label, right - left < 3 * NARROW))
    return gaps


# -- where the time went -----------------------------------------------------------------------

_BY_STATUS = {Status.IN_REVIEW: "person", Status.EXECUTING: "tool"}
PHASES = {
    "person": gettext_lazy("waiting for a person"), "agent": gettext_lazy("waiting for the agent’s answer"),
    "tool": gettext_lazy("the tool"), "gateway": gettext_lazy("the gateway"),
}


def _phases(request: GovernanceRequest, transitions: list[Transition], end: datetime) -> list[Phase]:
    """Every second from the arrival to the end belongs to one phase; the longest first."""
    seconds: dict[str, float] = defaultdict(float)
    moments = [(move.at, move.to_status) for move in transitions]
    for number, (at, status) in enumerate(moments):
        until = moments[number + 1][0] if number + 1 < len(moments) else end
        seconds[_BY_STATUS.get(status, "gateway")] += max(0.0, (until - at).total_seconds())
    for question in request.questions.all():
        until = min(question.answered_at or end, end)
        open_for = max(0.0, (until - question.asked_at).total_seconds())
        open_for = min(open_for, seconds["person"])
        seconds["agent"] += open_for
        seconds["person"] -= open_for
    total = sum(seconds.values()) or 1.0
    phases, x = [], 0.0
    for kind, took in sorted(seconds.items(), key=lambda phase: -phase[1]):
        if took > 0:
            width = 100 * took / total
            phases.append(Phase(kind, str(PHASES[kind]), took, took / total, percent(x), percent(width)))
            x += width
    return phases
