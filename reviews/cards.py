"""What the request page shows of one request: its parts, prepared for the template."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.actions.extend import EXTENSIONS, HOUR, LATEST
from governance.changes import Changed, changes
from governance.characters import hidden_characters
from governance.models import Decision, EvidenceEntry, GovernanceRequest, Question, Transition, User
from governance.models.evidence import Fact
from governance.policy import describe
from governance.rulings import compiled
from governance.states import Status
from reviews.arguments import Argument, arguments_of, pretty, shown
from reviews.bars import Bar, bars_of
from reviews.forms_card import colleagues_of
from reviews.queries import who_can_decide
from reviews.sentences import Told, call_of, tell

MAX_COLLEAGUES = 200


@dataclass(frozen=True)
class Card:
    request: GovernanceRequest
    user: User
    transitions: list[Transition]
    decisions: list[Decision]
    questions: list[Question]
    why_not: str
    deciders: list[User]
    status: Status
    parked: str
    claimant: User | None
    claimed_since: datetime | None

    # -- what it says -------------------------------------------------------------------------

    @cached_property
    def told(self) -> Told:
        return tell(call_of(self.request))

    @cached_property
    def arguments(self) -> list[Argument]:
        return arguments_of(self.request.arguments, getattr(self.request, "names", {}))

    @cached_property
    def bars(self) -> list[Bar]:
        return bars_of(self.request)

    @cached_property
    def raising(self) -> list[Bar]:
        return [bar for bar in self.bars if bar.raises]

    @cached_property
    def lowering(self) -> list[Bar]:
        return [bar for bar in self.bars if not bar.raises]

    @cached_property
    def hidden(self) -> int:
        """How many invisible characters the call has."""
        request = self.request
        return hidden_characters(request.arguments_json + request.stated_reason + request.intent)

    @cached_property
    def context(self) -> str:
        return pretty(self.request.context) if self.request.context_json else ""

    @cached_property
    def rule_in_words(self) -> str:
        """The rule that matched, as a sentence; empty for the default."""
        version = self.request.policy_version
        rule = compiled(version.text).rule(self.request.policy_rule) if version else None
        return describe(rule) if rule else ""

    @cached_property
    def result(self) -> tuple[list[str], str]:
        return _result(self.request)

    # -- who may do what now ------------------------------------------------------------------

    @property
    def decision(self) -> Decision | None:
        return self.decisions[-1] if self.decisions else None

    @property
    def can_decide(self) -> bool:
        return self.request.is_waiting and not self.why_not

    @property
    def is_mine(self) -> bool:
        return self.claimant is not None and self.claimant == self.user

    @property
    def held_by_other(self) -> User | None:
        """Who reads the case, when that is somebody else."""
        return None if self.is_mine or not self.request.is_waiting else self.claimant

    @property
    def question(self) -> Question | None:
        """The one that waits for the agent."""
        return next((question for question in self.questions if question.is_open), None)

    @property
    def can_undo(self) -> bool:
        return self.request.is_undoable and self.decision is not None and self.decision.reviewer_id == self.user.pk

    @property
    def undo_seconds(self) -> int:
        return settings.UNDO_SECONDS

    @property
    def undo_left(self) -> int:
        """Whole seconds until the approval is released."""
        end = self.request.release_at
        return max(0, round((end - timezone.now()).total_seconds())) if end else 0

    @property
    def edited(self) -> list[Changed]:
        """How the call that was approved differs from the agent's; empty when it does not."""
        decision = self.decision
        if decision is None or not decision.is_edited:
            return []
        return changes(self.request.arguments, json.loads(decision.arguments_json))

    @property
    def is_undone(self) -> bool:
        """The last decision belongs to an earlier round."""
        return self.decision is not None and self.decision.round != self.request.round

    @property
    def colleagues(self) -> QuerySet:
        """To whom it can be handed over."""
        return colleagues_of(self.request).exclude(pk=self.user.pk)[:MAX_COLLEAGUES]

    @cached_property
    def extensions(self) -> list[tuple[int, str, datetime]]:
        """Seconds, words and the deadline that comes of it; without those that give no more time."""
        request, latest = self.request, self.request.received_at + LATEST
        options = [(seconds, min(request.deadline + timedelta(seconds=seconds), latest)) for seconds in EXTENSIONS]
        return [
            (seconds, _("%(count)s h") % {"count": seconds // HOUR}, deadline) for seconds, deadline in options
            if deadline > request.deadline
        ]

    # -- what the open page compares ----------------------------------------------------------

    @cached_property
    def versions(self) -> dict[str, str]:
        """A short text for each live part, which changes when the part does."""
        request, decision = self.request, self.decision
        held = (request.claimed_by_id, request.claimed_until, self.claimant is None, request.claim_note)
        stands = (self.status, request.round, self.why_not, self.parked, request.is_waiting)
        asked = [(question.pk, question.answered_at) for question in self.questions]
        execution = getattr(request, "execution", None)
        facts = {
            "state": (*stands, request.deadline, held),
            "outcome": (
                *stands, decision and decision.pk, self.can_undo, execution and execution.returned_at,
                self.is_mine and request.claim_note,
            ),
            "talk": (asked, request.is_waiting),
            "history": len(self.transitions),
            "decide": (*stands, held, bool(self.question), [person.pk for person in self.deciders]),
        }
        return {name: hashlib.sha256(repr(fact).encode()).hexdigest()[:12] for name, fact in facts.items()}

    @property
    def version(self) -> str:
        return hashlib.sha256("".join(self.versions.values()).encode()).hexdigest()[:16]


def card_of(request: GovernanceRequest, user: User) -> Card:
    why_not = request.why_not_decided_by(user)
    claimant = request.claimant
    return Card(
        request=request,
        user=user,
        transitions=list(request.transitions.select_related("user")),
        decisions=list(request.decisions.select_related("reviewer").order_by("id")),
        questions=list(request.questions.select_related("asked_by")),
        why_not=why_not,
        deciders=who_can_decide(request) if why_not and request.is_waiting else [],
        status=status_of(request),
        parked=request.why_parked(),
        claimant=claimant,
        claimed_since=_claimed_since(request) if claimant is not None and request.is_waiting else None,
    )


def _claimed_since(request: GovernanceRequest) -> datetime | None:
    facts = EvidenceEntry.objects.filter(request=request, fact__in=(Fact.CLAIMED, Fact.HANDED_OVER))
    return facts.order_by("-id").values_list("at", flat=True).first() or timezone.now()


def status_of(request: GovernanceRequest) -> Status:
    """What the row is to a reader: overdue is expired, whatever the sweeper has seen so far."""
    return Status.EXPIRED if request.is_overdue else Status(request.status)


def _result(request: GovernanceRequest) -> tuple[list[str], str]:
    """The texts of the tool's answer, and its structured content as JSON."""
    execution = getattr(request, "execution", None)
    if execution is None or not isinstance(execution.result, Mapping):
        return [], ""
    blocks: list[Any] = execution.result.get("content") or []
    texts = [
        shown(block["text"]) if block.get("type") == "text" else f"[{shown(str(block.get('type')))}]"
        for block in blocks
    ]
    structured = execution.result.get("structuredContent")
    return texts, pretty(structured) if structured is not None else ""
