"""What a scorer gets and gives: one frozen dataclass each, and the protocol between them.

Plain Python without Django: the deployable Modal app ships this file too. Classifications and actions are the
values of governance.models.assessments; a test keeps the two lists equal.
"""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from governance.errors import ScorerUnavailable

PAUSE_FROM = 70  # scores from here up pause; equal to settings.RISK_THRESHOLD
CLASSIFICATIONS = ("LOW_RISK", "MEDIUM_RISK", "HIGH_RISK")
ACTIONS = ("ALLOW", "PAUSE")

MAX_PAYLOAD_BYTES = 64 * 1024  # of arguments: what a small model still reads whole
MAX_TEXT_CHARS = 4_000  # of every other text in a payload, and of a rationale
MAX_FAILURE_CHARS = 500

# Marks that change how a reviewer's screen shows the text around them.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs"})
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


class BadAnswer(ScorerUnavailable):
    """This one call cannot be scored, or its answer cannot be used; says nothing about the backend's health."""


@dataclass(frozen=True)
class ProposedCall:
    """One tool call before anything runs. Every field holds plain JSON types."""

    reference: str
    tool: str
    arguments: Mapping[str, Any]
    description: str = ""
    agent: str = ""
    team: str = ""
    stated_reason: str = ""
    intent: str = ""
    context: Any = None
    read_only: bool | None = None

    def payload(self) -> dict[str, Any]:
        """What is sent to a model, as plain JSON types.

        Descriptions, reasons and contexts are cut at MAX_TEXT_CHARS and say so. Arguments are what would run, so they
        go whole: raises BadAnswer when they take more than MAX_PAYLOAD_BYTES.
        """
        arguments = dict(self.arguments)
        size = len(json.dumps(arguments, ensure_ascii=False).encode("utf-8", "replace"))
        if size > MAX_PAYLOAD_BYTES:
            raise BadAnswer(
                f"The arguments take {size:,} bytes; the scorer reads them whole, up to {MAX_PAYLOAD_BYTES:,}."
            )
        return {
            "tool": _cut(self.tool),
            "description": _cut(self.description),
            "read_only_hint": self.read_only,
            "arguments": arguments,
            "agent": _cut(self.agent),
            "team": _cut(self.team),
            "stated_reason": _cut(self.stated_reason),
            "intent": _cut(self.intent),
            "context": _cut_json(self.context),
        }


@dataclass(frozen=True)
class Contribution:
    """One thing that raised or lowered the score, in a reviewer's words. Points are signed."""

    feature: str
    label: str
    points: int


@dataclass(frozen=True)
class Score:
    """A usable assessment, or (`failure` filled) the record of there being none, which counts as 100, PAUSE.

    Raises ValueError when built with anything the assessment's table would refuse.
    """

    risk_score: int
    classification: str
    action: str
    rationale: str
    contributions: tuple[Contribution, ...] = ()
    scorer: str = ""
    version: str = ""
    failure: str = ""
    duration_ms: int = 0  # filled by registry.score_call

    def __post_init__(self) -> None:
        if type(self.risk_score) is not int or not 0 <= self.risk_score <= 100:
            raise ValueError(f"risk_score must be a whole number from 0 to 100, not {self.risk_score!r:.50}")
        if self.classification not in CLASSIFICATIONS or self.action not in ACTIONS:
            raise ValueError(f"{self.classification!r:.50}, {self.action!r:.50}: not a classification and an action")
        if (self.action == "PAUSE") != (self.risk_score >= PAUSE_FROM):
            raise ValueError(f"action {self.action} contradicts risk_score {self.risk_score}")
        if not isinstance(self.rationale, str) or not isinstance(self.failure, str):
            raise ValueError("rationale and failure must be text")


class Scorer(Protocol):
    """Called from several threads at once, also after a fork.

    `version` names weights, rules or prompt. A backend may also have `check() -> str`: why it cannot work as
    configured, empty when it can; cheap, without calling anybody.
    """

    version: str

    def score(self, call: ProposedCall) -> Score:
        """Raises ScorerUnavailable (BadAnswer when the fault is in this one answer) instead of guessing."""
        ...


def clean_text(text: str, limit: int) -> str:
    """Text that any database stores and any screen shows as it is read: no control, surrogate or direction marks."""
    shown = "".join(
        "\ufffd"
        if (unicodedata.category(char) in _UNSAFE_CATEGORIES and char not in "\n\t") or char in _BIDI_CONTROLS
        else char
        for char in text[: limit + 1].strip()
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARS:
        return text
    return f"{text[:MAX_TEXT_CHARS]} [cut: {len(text) - MAX_TEXT_CHARS:,} more characters]"


def _cut_json(value: Any) -> Any:
    """The value itself while its text is short, else the beginning of its text."""
    if value is None or isinstance(value, str):
        return _cut(value) if value else value
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= MAX_TEXT_CHARS else _cut(text)
