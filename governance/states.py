"""The states of a request and the moves between them. Pure Python; start reading here.

    received → scoring → approved | in_review | denied
    in_review → approved | denied | expired | cancelled
    approved → executing → succeeded | failed | outcome_unknown
    approved → expired | in_review       (undone in time, or sent back: something differs from what was approved)

Silence is never consent: an open request past its deadline only ever becomes expired.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Status(TextChoices):
    RECEIVED = "received", _("Received")
    SCORING = "scoring", _("Scoring")
    IN_REVIEW = "in_review", _("Waiting for review")
    APPROVED = "approved", _("Approved")
    EXECUTING = "executing", _("Executing")
    SUCCEEDED = "succeeded", _("Executed")
    FAILED = "failed", _("Tool failed")
    OUTCOME_UNKNOWN = "outcome_unknown", _("Outcome unknown")
    DENIED = "denied", _("Rejected")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")


MOVES: dict[Status, frozenset[Status]] = {
    Status.RECEIVED: frozenset({Status.SCORING, Status.APPROVED, Status.DENIED, Status.EXPIRED, Status.CANCELLED}),
    Status.SCORING: frozenset(
        {Status.APPROVED, Status.IN_REVIEW, Status.DENIED, Status.EXPIRED, Status.CANCELLED}
    ),
    Status.IN_REVIEW: frozenset({Status.APPROVED, Status.DENIED, Status.EXPIRED, Status.CANCELLED}),
    Status.APPROVED: frozenset({Status.EXECUTING, Status.EXPIRED, Status.IN_REVIEW}),
    Status.EXECUTING: frozenset({Status.SUCCEEDED, Status.FAILED, Status.OUTCOME_UNKNOWN}),
}

OPEN = frozenset(MOVES)
TERMINAL = frozenset(Status) - OPEN
UNDECIDED = frozenset({Status.RECEIVED, Status.SCORING, Status.IN_REVIEW})


def can_move(old: str, new: str) -> bool:
    return Status(new) in MOVES.get(Status(old), frozenset())


class Verdict(TextChoices):
    APPROVED = "APPROVED", _("Approved")
    REJECTED = "REJECTED", _("Rejected")

    @property
    def status(self) -> Status:
        return Status.APPROVED if self is Verdict.APPROVED else Status.DENIED
