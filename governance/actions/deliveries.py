"""Deliveries to agents' webhooks: queued with the move they announce, claimed, sent elsewhere, marked.

At least once: a process that dies between sending and marking leaves its claim, which lapses, and the delivery is sent
again under the same id. Nothing here reaches the network (mcp_bridge/deliveries.py does).
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Min, QuerySet

from governance.events import DELIVERIES, announce_work, on_administration
from governance.models import AgentWebhook, Decision, Transition, WebhookDelivery
from governance.states import Status

ANNOUNCED = frozenset({
    Status.IN_REVIEW, Status.SUCCEEDED, Status.FAILED, Status.OUTCOME_UNKNOWN, Status.DENIED, Status.EXPIRED,
    Status.CANCELLED,
})  # fmt: skip
RAN = frozenset({Status.SUCCEEDED, Status.FAILED, Status.OUTCOME_UNKNOWN})
KNOWN_FOR_SECONDS = 1.0
MOST_KNOWN = 10_000  # agents with a webhook that are kept in memory; with more, the table is asked for every outcome
CLAIM = timedelta(seconds=30)  # longer than one attempt can take, with its marking
RETRY_AFTER = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 2 * 60, 10 * 60, 3600, 6 * 3600, 24 * 3600)
)
MAX_REASON_CHARS = 1000
SWITCHED_OFF = "The webhook was switched off."


# -- queueing ----------------------------------------------------------------------------------

_known: tuple[float, frozenset[int] | None] = (0.0, frozenset())  # read at (monotonic); None: too many to keep


def forget_webhooks(team_id: int | None = None) -> None:
    """The next outcome asks the table again which agents have a webhook."""
    global _known
    _known = (0.0, frozenset())


on_administration(forget_webhooks)


def _may_have_webhook(agent_id: int) -> bool:
    """From memory, which is at most KNOWN_FOR_SECONDS old: outcomes of agents without a webhook cost no statement."""
    global _known
    read_at, agents = _known
    now = time.monotonic()
    if not read_at or now - read_at > KNOWN_FOR_SECONDS:
        found = AgentWebhook.objects.filter(enabled=True).values_list("agent_id", flat=True)[: MOST_KNOWN + 1]
        agents = frozenset(found)
        _known = (now, agents if len(agents) <= MOST_KNOWN else None)
        agents = _known[1]
    return agents is None or agent_id in agents


def queue_deliveries(moves: Sequence[tuple[UUID, int, str]], *, now: datetime) -> None:
    """Queues what these moves (request id, agent id, status reached) announce, in the transaction that makes them.

    Other statuses than ANNOUNCED are passed over; a request announces each of its statuses once.
    """
    told = [move for move in moves if move[2] in ANNOUNCED and _may_have_webhook(move[1])]
    webhooks = _held_webhooks({agent_id for _, agent_id, _ in told}) if told else {}
    rows = [
        WebhookDelivery(
            webhook_id=webhooks[agent_id], request_id=request_id, event=f"request.{status}", created_at=now,
            not_before=now,
        )
        for request_id, agent_id, status in told if agent_id in webhooks
    ]  # fmt: skip
    if rows:
        WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
        announce_work(DELIVERIES)


def _held_webhooks(agent_ids: Collection[int]) -> dict[int, int]:
    """Agent → its enabled webhook, which nobody removes before this transaction has ended (_remove_unheld)."""
    marks = ", ".join(["%s"] * len(agent_ids))
    lock = " FOR KEY SHARE" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT agent_id, id FROM governance_agentwebhook WHERE enabled AND agent_id IN ({marks}) "  # noqa: S608
            f"ORDER BY id{lock}",
            sorted(agent_ids),
        )
        return dict(cursor.fetchall())


# -- claiming ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attempt:
    """One attempt at one delivery: where it goes and what is sent. `number` counts from 1."""

    delivery_id: UUID
    webhook_id: int
    number: int
    url: str
    sealed_secret: str
    body: str


def pending_deliveries() -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(delivered_at=None, failed_at=None)


def next_delivery_at(*, full: Collection[int] = ()) -> datetime | None:
    """When the next delivery is due that is not one of these webhooks'; None when nothing waits."""
    return pending_deliveries().exclude(webhook__in=full).order_by().aggregate(at=Min("not_before"))["at"]


def claim_deliveries(
    now: datetime, *, most: int, full: Collection[int], room: Callable[[int], int]
) -> list[Attempt]:
    """At most `most` due deliveries that no other process has, oldest first, `room(webhook)` of one webhook.

    Empty when nothing is due but for the webhooks in `full`. No transaction may be open; they are sent after this.
    """
    due = pending_deliveries().filter(not_before__lte=now).exclude(webhook__in=full)
    with transaction.atomic():
        locked = due.select_for_update(skip_locked=True).order_by("not_before", "pk").values_list("pk", "webhook_id")
        taken: Counter[int] = Counter()
        chosen: list[UUID] = []
        for pk, webhook_id in locked[:most]:
            if taken[webhook_id] < room(webhook_id):
                taken[webhook_id] += 1
                chosen.append(pk)
        # The condition stands here too: SQLite does not lock rows.
        pending_deliveries().filter(pk__in=chosen, not_before__lte=now).update(
            not_before=now + CLAIM, attempts=F("attempts") + 1
        )
    return _attempts(chosen, now)


_FIELDS = (
    "pk", "event", "created_at", "attempts", "webhook_id", "webhook__url", "webhook__sealed_secret", "webhook__enabled",
    "request_id", "request__reference", "request__deadline", "request__decided_at", "request__tool__exposed_name",
    "request__agent__name", "request__execution__is_error", "request__round",
)


def _attempts(chosen: Sequence[UUID], now: datetime) -> list[Attempt]:
    rows = list(WebhookDelivery.objects.filter(pk__in=chosen).order_by("created_at", "pk").values(*_FIELDS))
    off = [row["pk"] for row in rows if not row["webhook__enabled"]]
    if off:  # queued in the moment of the switch
        pending_deliveries().filter(pk__in=off).update(failed_at=now, last_error=SWITCHED_OFF)
    reasons, edited = _reasons(rows), _edited(rows)
    return [
        Attempt(
            row["pk"], row["webhook_id"], row["attempts"], row["webhook__url"], row["webhook__sealed_secret"],
            _body(row, reasons.get((row["request_id"], _status_of(row)), ""), is_edited=row["request_id"] in edited),
        )
        for row in rows if row["webhook__enabled"]
    ]  # fmt: skip


def _status_of(row: dict[str, Any]) -> str:
    return row["event"].partition(".")[2]


def _reasons(rows: Sequence[dict[str, Any]]) -> dict[tuple[UUID, str], str]:
    """Why each request came to its status, the first time it did."""
    found = Transition.objects.filter(
        request__in={row["request_id"] for row in rows}, to_status__in={_status_of(row) for row in rows}
    ).order_by("-id")
    return {(request_id, status): reason for request_id, status, reason in found.values_list(
        "request_id", "to_status", "reason"
    )}  # fmt: skip


def _edited(rows: Sequence[dict[str, Any]]) -> set[UUID]:
    """The requests that ran as a reviewer edited them."""
    ran = {(row["request_id"], row["request__round"]) for row in rows if _status_of(row) in RAN}
    if not ran:
        return set()
    edited = Decision.objects.filter(request__in={pk for pk, _ in ran}).exclude(arguments_json="")
    return {pk for pk, number in edited.values_list("request_id", "round") if (pk, number) in ran}


def _body(row: dict[str, Any], reason: str, *, is_edited: bool = False) -> str:
    """Neither arguments nor results: the agent fetches them itself, as itself."""
    status = _status_of(row)
    data: dict[str, Any] = {
        "reference": row["request__reference"], "status": status, "tool": row["request__tool__exposed_name"],
        "agent": row["request__agent__name"], "deadline": _iso(row["request__deadline"]),
    }
    if status != Status.IN_REVIEW and row["request__decided_at"]:
        data["decided_at"] = _iso(row["request__decided_at"])
    if reason:
        data["reason"] = reason[:MAX_REASON_CHARS]
    if status in (Status.SUCCEEDED, Status.FAILED) and row["request__execution__is_error"] is not None:
        data["is_error"] = row["request__execution__is_error"]
    if is_edited:
        data["edited"] = True
    message = {"type": row["event"], "timestamp": _iso(row["created_at"]), "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# -- marking -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What became of an attempt: the HTTP status, or why there is none."""

    attempt: Attempt
    status: int | None = None
    error: str = ""

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == 410


def mark_deliveries(answers: Sequence[Answer], *, now: datetime) -> list[int]:
    """Keeps what the receivers said, all in one transaction; the webhooks whose receiver wants no more (410)."""
    with transaction.atomic():
        for answer in sorted(answers, key=lambda answer: answer.attempt.delivery_id):
            rows = WebhookDelivery.objects.filter(pk=answer.attempt.delivery_id, delivered_at=None)
            if answer.is_delivered:
                rows.update(delivered_at=now, failed_at=None, last_status=answer.status, last_error="")
            else:  # of this very attempt: a claim that lapsed may have been taken over
                rows.filter(attempts=answer.attempt.number, failed_at=None).update(
                    last_status=answer.status, last_error=answer.error[:500], **_next(answer, now)
                )
    return sorted({answer.attempt.webhook_id for answer in answers if answer.is_gone})


def _next(answer: Answer, now: datetime) -> dict[str, datetime]:
    number = answer.attempt.number
    if answer.is_gone or number > len(RETRY_AFTER):
        return {"failed_at": now}
    return {"not_before": now + RETRY_AFTER[number - 1]}


def remove_old_deliveries(before: datetime, *, most: int) -> int:
    """Removes at most so many rows of the log that were queued before then and do not wait any more. How many."""
    old = WebhookDelivery.objects.filter(created_at__lte=before).exclude(delivered_at=None, failed_at=None)
    ids = list(old.order_by("created_at", "pk").values_list("pk", flat=True)[:most])
    WebhookDelivery.objects.filter(pk__in=ids).delete()
    return len(ids)
