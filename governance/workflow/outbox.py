"""From the outbox to the driver: the relay sends, the reconciler sends again, the nudge reminds.

A row counts as sent, never as done: an acknowledged event can still be lost. What confirms it is its effect on the
request, `started_at` and `finalized_at`. Sending twice is harmless: the driver knows the event id for 24 hours, and
every step is guarded by the request's status.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

import inngest
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Max, QuerySet
from django.utils import timezone

from governance.actions.moves import DECIDED, REQUESTED, emit
from governance.events import RELAY, announce_work
from governance.models import GovernanceRequest, OutboxEvent
from governance.workflow.client import EmbeddedClient
from governance.workflow.health import Pulse

log = logging.getLogger(__name__)

BATCH = 50
POLL_SECONDS = 1.0
CLAIM = timedelta(seconds=60)  # longer than one send can take
LONGEST_BACKOFF = timedelta(seconds=60)
START_WITHIN = timedelta(seconds=60)
# A decision in the few milliseconds before the workflow waits is not seen by it: the first nudge comes soon.
FIRST_NUDGE = timedelta(seconds=0.25)
NUDGE_EVERY = timedelta(seconds=30)
# A run that is lost for good is not reminded for ever: after ten minutes rarely, and a day after its end no more.
QUICK_NUDGES = 20
SLOW_NUDGE_EVERY = timedelta(minutes=10)
NUDGE_ENDED_FOR = timedelta(days=1)


class Relay:
    """Sends what waits in the outbox, oldest first. Any number of them may run."""

    def __init__(self, client: inngest.Inngest) -> None:
        self.client = client
        self._pulse = Pulse(RELAY)

    def round(self) -> float:
        """Sends what is due; the seconds until something else is, at most a poll."""
        now = timezone.now()
        if _unsent().filter(not_before__lte=now).exists():
            if isinstance(self.client, EmbeddedClient):
                self._hand_over(now)
            else:
                self._deliver(now)
        self._pulse.beat()
        due = _unsent().order_by("not_before").values_list("not_before", flat=True).first()
        if due is None:
            return POLL_SECONDS
        return min(max((due - timezone.now()).total_seconds(), 0.0), POLL_SECONDS)

    def _hand_over(self, now: datetime) -> None:
        """Embedded: sending is an insert, so that send and mark are one commit."""
        with transaction.atomic():
            rows = _due(now)
            self.client.send_sync([_event(row) for row in rows])
            _mark_sent(rows, now)

    def _deliver(self, now: datetime) -> None:
        """To a server: claim, send with no transaction open, mark."""
        with transaction.atomic():
            rows = _due(now)
            OutboxEvent.objects.filter(pk__in=[row.pk for row in rows]).update(
                not_before=now + CLAIM, attempts=F("attempts") + 1
            )
        # What failed before is sent alone, so that one refused event cannot hold up the others.
        batches = [[row for row in rows if not row.attempts], *([row] for row in rows if row.attempts)]
        for batch in filter(None, batches):
            try:
                self.client.send_sync([_event(row) for row in batch])
            except Exception as error:  # the engine's edge: the SDK raises what it meets, JSON errors included
                log.warning("%d workflow events could not be sent and wait: %s", len(batch), self._describe(error))
                self._put_back(batch, self._describe(error))
            else:
                _mark_sent(batch, timezone.now())

    def _put_back(self, rows: list[OutboxEvent], error: str) -> None:
        for row in rows:
            wait = min(timedelta(seconds=2 ** min(row.attempts, 10)), LONGEST_BACKOFF)
            _unsent().filter(pk=row.pk).update(not_before=timezone.now() + wait, last_error=error)

    def _describe(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}"
        for secret in (self.client.event_key, self.client.signing_key):
            text = text.replace(secret, "***") if secret else text
        return text[:500]


def reconcile(now: datetime) -> int:
    """Sends the first event of every open request again that no workflow began within a minute. How many."""
    waiting = (
        GovernanceRequest.objects.open().filter(started_at=None, received_at__lte=now - START_WITHIN)
        .order_by("received_at").values_list("pk", flat=True)[:BATCH * 4]
    )
    again = OutboxEvent.objects.filter(
        request__in=list(waiting), name=REQUESTED, sent_at__lte=now - START_WITHIN
    ).update(sent_at=None, not_before=now)
    if again:
        log.warning("no workflow began for %d requests; sending their events again", again)
        announce_work(RELAY)
    return again


def nudge(now: datetime) -> int:
    """Wakes the workflow of every decided request it has not finalized, soon, then every 30 seconds. How many.

    The workflow's own approvals have no such event and are left alone: they wait for nobody.
    """
    unfinished = (
        GovernanceRequest.objects.filter(decided_at__lte=now - FIRST_NUDGE, finalized_at=None)
        .exclude(finished_at__lte=now - NUDGE_ENDED_FOR)
        .filter(outbox_events__name=DECIDED)
        .annotate(
            sent=Count("outbox_events__sent_at"), unsent=Count("outbox_events") - F("sent"),
            last_sent_at=Max("outbox_events__sent_at"),
        )
        .filter(unsent=0).order_by("-decided_at")[:BATCH * 4]
    )
    return sum(_nudge(request, number=request.sent, now=now) for request in unfinished)


def _nudge(request: GovernanceRequest, *, number: int, now: datetime) -> bool:
    pause = FIRST_NUDGE if number == 1 else NUDGE_EVERY if number <= QUICK_NUDGES else SLOW_NUDGE_EVERY
    if request.last_sent_at > now - pause:
        return False
    try:
        with transaction.atomic():
            emit(request, DECIDED, kind="decision", number=number + 1)
    except IntegrityError:  # another process nudges the same request
        return False
    return True


def _unsent() -> QuerySet[OutboxEvent]:
    return OutboxEvent.objects.filter(sent_at=None)


def _due(now: datetime) -> list[OutboxEvent]:
    """The rows to send now, locked for this transaction."""
    due = _unsent().filter(not_before__lte=now).order_by("id")
    return list(due.select_for_update(skip_locked=True)[:BATCH])


def _mark_sent(rows: Iterable[OutboxEvent], now: datetime) -> None:
    OutboxEvent.objects.filter(pk__in=[row.pk for row in rows]).update(sent_at=now, last_error="")


def _event(row: OutboxEvent) -> inngest.Event:
    return inngest.Event(
        id=row.event_id, name=row.name, data=row.data, ts=int(row.created_at.timestamp() * 1000)
    )
