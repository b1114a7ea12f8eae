"""The governance request: one tool call of one agent, from its arrival to its outcome."""

import json
import secrets
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.models.agents import Agent
from governance.models.people import Membership, Role, Team, User
from governance.models.policies import PolicyVersion
from governance.models.tools import Tool
from governance.models.visibility import VisibleQuerySet
from governance.policy import DEFAULT_RULE, Effect
from governance.states import OPEN, TERMINAL, UNDECIDED, Status

if TYPE_CHECKING:
    from governance.models.decisions import Decision
    from governance.models.questions import Question

EFFECTS = [
    (Effect.ALLOW.value, gettext_lazy("Allow")), (Effect.DENY.value, gettext_lazy("Deny")),
    (Effect.SCORE.value, gettext_lazy("Score")), (Effect.REVIEW.value, gettext_lazy("Review")),
]  # fmt: skip


class Asked(models.TextChoices):
    OPEN = "open", gettext_lazy("Waiting for the agent")
    ANSWERED = "answered", gettext_lazy("Answered")


DECIDING_ROLES = (Role.REVIEWER, Role.ADMIN)


def new_reference() -> str:
    return f"evt_{secrets.token_hex(8)}"


class RequestQuerySet(VisibleQuerySet):
    def open(self) -> Self:
        return self.filter(status__in=sorted(OPEN))

    def waiting(self) -> Self:
        """In review and still in time: what a person can decide now."""
        return self.filter(status=Status.IN_REVIEW, deadline__gt=timezone.now())

    def overdue(self, now: datetime) -> Self:
        """Past the deadline and neither ended nor executing: the sweeper expires these."""
        return self.filter(status__in=sorted({*UNDECIDED, Status.APPROVED}), deadline__lte=now)

    def with_parts(self) -> Self:
        """What a list row or a card shows, in one query."""
        return self.select_related(
            "team", "agent", "agent__owner", "tool", "tool__server", "assessment", "execution", "policy_version",
            "claimed_by",
        )


class GovernanceRequest(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(max_length=20, unique=True, default=new_reference, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="requests")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="requests")
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="requests")
    status = models.CharField(max_length=16, choices=Status, default=Status.RECEIVED, editable=False)

    # What was asked, exactly. The text is RFC 8785; what runs is parsed from it after the digest was checked.
    arguments_json = models.TextField(editable=False)
    arguments_digest = models.CharField(max_length=64, editable=False)
    stated_reason = models.TextField(blank=True, editable=False, help_text="The agent's governance_reason.")
    intent = models.TextField(blank=True, editable=False, help_text="_meta atlas/intent: what the user asked for.")
    context_json = models.TextField(blank=True, editable=False, help_text="_meta atlas/context, RFC 8785.")

    # The definition of the tool that the call was made for, and that an approval is for.
    tool_digest = models.CharField(max_length=64, blank=True, editable=False)

    # What the policy said. No version: the default, which scores everything.
    policy_version = models.ForeignKey(
        PolicyVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="requests", editable=False
    )
    policy_rule = models.CharField(max_length=60, default=DEFAULT_RULE, editable=False)
    policy_effect = models.CharField(
        max_length=6, choices=EFFECTS, default=Effect.SCORE.value, editable=False,
    )
    threshold = models.PositiveSmallIntegerField(
        default=70, editable=False, help_text="From this risk on a person decides."
    )
    # How often it was put before a person: sent back after an approval, it starts the next round.
    round = models.PositiveSmallIntegerField(default=1, editable=False)

    # The assessment's figures once more, so that the queue sorts and filters without a join.
    risk_score = models.PositiveSmallIntegerField(null=True, editable=False)
    band = models.CharField(
        max_length=6, blank=True, editable=False,
        help_text="high, medium or low as the scorer classified it; none without a usable score; empty before.",
    )
    # Likewise of the questions: what the last one is.
    asked = models.CharField(max_length=8, choices=Asked, blank=True, editable=False)

    received_at = models.DateTimeField(default=timezone.now, editable=False)
    deadline = models.DateTimeField(editable=False)
    started_at = models.DateTimeField(null=True, editable=False, help_text="First step of the workflow ran.")
    decided_at = models.DateTimeField(null=True, editable=False)
    release_at = models.DateTimeField(
        null=True, editable=False, help_text="Until then the approval can be undone, and the call does not run."
    )
    finalized_at = models.DateTimeField(null=True, editable=False, help_text="The workflow has seen the decision.")
    finished_at = models.DateTimeField(null=True, editable=False)

    # Which person reads the case now, so that two do not. Others may take it over; nothing else is locked by it.
    claimed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="claimed_requests", editable=False
    )
    claimed_until = models.DateTimeField(null=True, editable=False)
    claim_note = models.CharField(max_length=500, blank=True, editable=False, help_text="Of who handed it over.")

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "-id"]
        permissions = [("decide_request", "Can approve or reject a request")]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="request_status_valid"),
            models.CheckConstraint(
                condition=Q(risk_score=None) | Q(risk_score__lte=100), name="request_risk_score_valid"
            ),
            # A repeated call meets the open request instead of making a second one; allowed ones run at once.
            models.UniqueConstraint(
                fields=["agent", "tool", "arguments_digest"],
                condition=Q(status__in=sorted(OPEN)) & ~Q(policy_effect="allow"), name="one_open_request_per_call",
            ),
        ]
        indexes = [
            # History, newest first, by keyset; whole installation and one team.
            models.Index(fields=["-received_at", "-id"], name="request_newest"),
            models.Index(fields=["team", "-received_at", "-id"], name="request_newest_in_team"),
            models.Index(fields=["team", "status", "-received_at", "-id"], name="request_status_in_team"),
            models.Index(fields=["agent", "-received_at", "-id"], name="request_newest_of_agent"),
            models.Index(fields=["tool", "-received_at", "-id"], name="request_newest_of_tool"),
            # The queue: only what waits, in the three orders it is read in.
            models.Index(fields=["team", "deadline", "id"], condition=Q(status="in_review"), name="queue_by_deadline"),
            models.Index(
                fields=["team", "-risk_score", "deadline", "id"], condition=Q(status="in_review"), name="queue_by_risk"
            ),
            models.Index(
                fields=["team", "band", "-risk_score", "deadline", "id"], condition=Q(status="in_review"),
                name="queue_by_band",
            ),
            models.Index(
                fields=["team", "policy_rule", "-risk_score", "deadline", "id"], condition=Q(status="in_review"),
                name="queue_by_rule",
            ),
            models.Index(
                fields=["team", "deadline", "id"], condition=Q(status="in_review", asked="answered"),
                name="queue_answered",
            ),
            models.Index(
                fields=["claimed_by", "deadline", "id"], condition=Q(status="in_review", claimed_by__isnull=False),
                name="queue_claimed",
            ),
            # Sweeper, reconciler and nudge look only at what is not finished.
            models.Index(fields=["deadline"], condition=Q(status__in=sorted(OPEN)), name="request_open_by_deadline"),
            models.Index(
                fields=["decided_at"], condition=Q(finalized_at=None, decided_at__isnull=False),
                name="request_to_finalize",
            ),
            models.Index(fields=["agent"], condition=Q(status__in=sorted(OPEN)), name="request_open_of_agent"),
        ]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("request", args=[self.reference])

    @property
    def arguments(self) -> dict[str, Any]:
        return json.loads(self.arguments_json)

    @property
    def context(self) -> Any:
        return json.loads(self.context_json) if self.context_json else None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def is_overdue(self) -> bool:
        """Past its deadline without an end: readers treat it as not approved, whatever the row still says."""
        return self.status in {*UNDECIDED, Status.APPROVED} and self.deadline <= timezone.now()

    @property
    def is_waiting(self) -> bool:
        return self.status == Status.IN_REVIEW and not self.is_overdue

    @property
    def claimant(self) -> User | None:
        """Who reads the case now; a claim that has run out is none."""
        if self.claimed_by_id is None or self.claimed_until is None or self.claimed_until <= timezone.now():
            return None
        return self.claimed_by

    @property
    def decision(self) -> "Decision | None":
        """The one of the present round; of an approval that was undone or sent back, none."""
        return self.decisions.filter(round=self.round).select_related("reviewer").order_by("id").last()

    @property
    def open_question(self) -> "Question | None":
        """What a reviewer asks the agent now; after a decision nobody waits for the answer any more."""
        return self.questions.filter(answered_at=None).last() if self.is_waiting else None

    @property
    def is_undoable(self) -> bool:
        """Approved by a person a moment ago: not released yet, so the approval can be taken back."""
        return self.status == Status.APPROVED and self.release_at is not None and self.release_at > timezone.now()

    def why_parked(self) -> str:
        """Which halt holds this open request, and why; empty when none does. It can be rejected, not approved."""
        if not self.is_open:
            return ""
        halted = (subject for subject in (self.team, self.agent, self.tool.server, self.tool) if subject.is_halted)
        subject = next(halted, None)
        return subject.in_words() if subject else ""

    def why_not_decided_by(self, user: User) -> str:
        """Why this person may not decide this request; empty when they may. Says nothing about its state."""
        if not user.is_active or not user.has_perm("governance.decide_request"):
            return _("You need the permission to decide requests (group Reviewers).")
        if self.agent.owner_id == user.pk:
            return _("You own this agent. Somebody else must decide its requests.")
        if not Membership.objects.filter(user=user, team_id=self.team_id, role__in=DECIDING_ROLES).exists():
            return _("You are not a reviewer of the team that owns this agent.")
        return ""

    def can_be_decided_by(self, user: User) -> bool:
        return not self.why_not_decided_by(user)
