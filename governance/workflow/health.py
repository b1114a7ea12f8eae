"""Whether something drives the workflow: the heartbeats of its parts, and how long an event has waited to be sent."""

import time
from datetime import timedelta

from django.db.models import Min
from django.utils import timezone

from governance.events import EXECUTOR, RELAY
from governance.models import Heartbeat, OutboxEvent
from governance.workflow.client import is_embedded

BEAT_SECONDS = 5.0
STALE_AFTER = timedelta(seconds=30)
LAG_LIMIT = timedelta(seconds=60)


class Pulse:
    """One loop's heartbeat: a row, written at most every five seconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._next = 0.0

    def beat(self) -> None:
        if time.monotonic() < self._next:
            return
        Heartbeat.objects.update_or_create(name=self.name, defaults={"beat_at": timezone.now()})
        self._next = time.monotonic() + BEAT_SECONDS


def workflow_health() -> list[str]:
    """The reasons why the workflow does not move; empty when it does. Costs two short queries."""
    now = timezone.now()
    beats = dict(Heartbeat.objects.values_list("name", "beat_at"))
    reasons = []
    for name in [RELAY, EXECUTOR] if is_embedded() else [RELAY]:
        beat_at = beats.get(name)
        if beat_at is None:
            reasons.append(f"the workflow {name} has never run")
        elif now - beat_at > STALE_AFTER:
            reasons.append(f"the workflow {name} was last seen {int((now - beat_at).total_seconds())} s ago")
    oldest = OutboxEvent.objects.filter(sent_at=None).aggregate(at=Min("created_at"))["at"]
    if oldest is not None and now - oldest > LAG_LIMIT:
        reasons.append(f"an event has waited {int((now - oldest).total_seconds())} s in the outbox")
    return reasons
