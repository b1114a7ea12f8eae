"""The background loop that sends what waits for agents' webhooks, several at once.

A slow receiver holds up nobody else: each webhook has few places among those that are being sent, and one that failed
last has a single place until it answers again. Order is not promised.
"""

from queue import Empty, SimpleQueue

from django.utils import timezone

from governance import actions
from governance.actions.deliveries import (
    Answer,
    Attempt,
    claim_deliveries,
    mark_deliveries,
    next_delivery_at,
)
from governance.events import DELIVERIES, wake_work
from governance.models import AgentWebhook
from mcp_bridge.webhook_client import Client

BUSY_SECONDS = 0.1  # another process takes what is due at this moment
POLL_SECONDS = 1.0  # other processes' deliveries, and those whose turn has come
MOST_AT_ONCE = 64
MOST_OF_ONE = 4
GONE = "The receiver answered 410 Gone."


class Deliveries:
    """Any number of processes may run one each."""

    def __init__(self) -> None:
        self._client = Client()
        self._sending: dict[int, int] = {}  # webhook → how many of its deliveries are under way
        self._failing: set[int] = set()  # webhooks whose last attempt failed
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._unmarked: list[Answer] = []

    def round(self) -> float:
        """Marks what was answered and starts what is due; the seconds until something else is, at most a poll."""
        self._mark()
        while True:
            due, now = next_delivery_at(full=self._full()), timezone.now()
            if due is None or due > now:
                return POLL_SECONDS if due is None else min((due - now).total_seconds(), POLL_SECONDS)
            free = MOST_AT_ONCE - sum(self._sending.values())
            if not free:
                return POLL_SECONDS  # an answer comes first and wakes the loop
            attempts = claim_deliveries(now, most=free, full=self._full(), room=self._room)
            if not attempts:
                return BUSY_SECONDS
            for attempt in attempts:
                self._start(attempt)

    def stop(self) -> None:
        self._client.stop()

    def _room(self, webhook_id: int) -> int:
        return (1 if webhook_id in self._failing else MOST_OF_ONE) - self._sending.get(webhook_id, 0)

    def _full(self) -> list[int]:
        return [webhook_id for webhook_id in self._sending if self._room(webhook_id) <= 0]

    def _start(self, attempt: Attempt) -> None:
        self._sending[attempt.webhook_id] = self._sending.get(attempt.webhook_id, 0) + 1
        self._client.start(attempt, self._done)

    def _done(self, answer: Answer) -> None:
        """On the client's thread."""
        self._answers.put(answer)
        wake_work(DELIVERIES)

    def _mark(self) -> None:
        """What the database does not take now is marked in a later round; marking twice is harmless."""
        self._collect()
        if not self._unmarked:
            return
        gone = mark_deliveries(self._unmarked, now=timezone.now())
        urls = {answer.attempt.url for answer in self._unmarked if answer.is_gone}
        for webhook in AgentWebhook.objects.filter(pk__in=gone).select_related("agent__team"):
            if webhook.url in urls:  # it may lead elsewhere by now
                actions.disable_webhook(webhook, why=GONE)
        self._unmarked.clear()

    def _collect(self) -> None:
        """What came back since the last round; its places are free again."""
        while True:
            try:
                answer = self._answers.get_nowait()
            except Empty:
                return
            self._unmarked.append(answer)
            webhook_id = answer.attempt.webhook_id
            self._sending[webhook_id] -= 1
            if not self._sending[webhook_id]:
                del self._sending[webhook_id]
            (self._failing.discard if answer.is_delivered else self._failing.add)(webhook_id)
