"""What the request page shows of one request: its parts, prepared for the template."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.characters import hidden_characters, visible
from governance.models import Decision, GovernanceRequest, Transition, User
from governance.policy import describe
from governance.rulings import compiled
from governance.states import Status
from reviews.queries import who_can_decide

LONG = 280  # characters of a value that the table shows before "more"


@dataclass(frozen=True)
class Argument:
    """One row of the table of arguments. `text` has hidden characters spelled out; `start` is its first LONG."""

    name: str
    text: str
    start: str
    is_text: bool

    @property
    def is_long(self) -> bool:
        return len(self.text) > len(self.start)


@dataclass(frozen=True)
class Bar:
    """A contribution to the score. `x` and `width` lie in a drawing 100 wide with zero in the middle."""

    label: str
    points: int
    x: float
    width: float

    @property
    def signed(self) -> str:
        return f"+{self.points}" if self.points > 0 else f"−{-self.points}"

    @property
    def raises(self) -> bool:
        return self.points > 0


@dataclass(frozen=True)
class Card:
    request: GovernanceRequest
    arguments: list[Argument]
    bars: list[Bar]
    transitions: list[Transition]
    decisions: list[Decision]
    hidden: int
    why_not: str
    deciders: list[User]
    result_texts: list[str]
    result_structured: str
    context: str
    status: Status
    parked: str
    rule_in_words: str

    @property
    def decision(self) -> Decision | None:
        return self.decisions[-1] if self.decisions else None

    @property
    def can_decide(self) -> bool:
        return self.request.is_waiting and not self.why_not


def card_of(request: GovernanceRequest, user: User) -> Card:
    why_not = request.why_not_decided_by(user)
    texts, structured = _result(request)
    return Card(
        request=request,
        arguments=[argument_of(name, value) for name, value in request.arguments.items()],
        bars=bars_of(request),
        transitions=list(request.transitions.select_related("user")),
        decisions=list(request.decisions.select_related("reviewer").order_by("id")),
        hidden=hidden_characters(request.arguments_json + request.stated_reason + request.intent),
        why_not=why_not,
        deciders=who_can_decide(request) if why_not and request.is_waiting else [],
        result_texts=texts,
        result_structured=structured,
        context=pretty(request.context) if request.context_json else "",
        status=status_of(request),
        parked=request.why_parked(),
        rule_in_words=_rule_in_words(request),
    )


def _rule_in_words(request: GovernanceRequest) -> str:
    """The rule that matched, as a sentence; empty for the default."""
    rule = compiled(request.policy_version.text).rule(request.policy_rule) if request.policy_version else None
    return describe(rule) if rule else ""


def status_of(request: GovernanceRequest) -> Status:
    """What the row is to a reader: overdue is expired, whatever the sweeper has seen so far."""
    return Status.EXPIRED if request.is_overdue else Status(request.status)


def argument_of(name: str, value: Any) -> Argument:
    text = visible(value if isinstance(value, str) else pretty(value))
    return Argument(visible(name), text, text[:LONG], isinstance(value, str))


def bars_of(request: GovernanceRequest) -> list[Bar]:
    """Raising contributions first, strongest first."""
    assessment = getattr(request, "assessment", None)
    parts = [(str(part["label"]), int(part["points"])) for part in assessment.contributions] if assessment else []
    longest = max((abs(points) for _, points in parts), default=0) or 1
    return [
        Bar(visible(label), points, x=50 - 50 * max(0, -points) / longest, width=50 * abs(points) / longest)
        for label, points in sorted(parts, key=lambda part: -part[1])
        if points
    ]


def pretty(value: Any) -> str:
    return visible(json.dumps(value, ensure_ascii=False, indent=2))


def _result(request: GovernanceRequest) -> tuple[list[str], str]:
    """The texts of the tool's answer, and its structured content as JSON."""
    execution = getattr(request, "execution", None)
    if execution is None or not isinstance(execution.result, Mapping):
        return [], ""
    blocks = execution.result.get("content") or []
    texts = [
        visible(block["text"]) if block.get("type") == "text" else f"[{visible(str(block.get('type')))}]"
        for block in blocks
    ]
    structured = execution.result.get("structuredContent")
    return texts, pretty(structured) if structured is not None else ""
