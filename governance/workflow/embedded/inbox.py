"""Taking an event in: one row, in the transaction of whoever sends it."""

import time
import uuid

import inngest

from governance.errors import GovernanceError
from governance.events import EXECUTOR, announce_work
from governance.models import Event

RESERVED = "inngest/"
MAX_ID_CHARS = 120
MAX_NAME_CHARS = 100


class EventRefused(GovernanceError):
    """This event cannot be sent; the message says why."""


def accept(events: list[inngest.Event]) -> list[str]:
    """Stores the events and wakes the executor after commit; their ids. Raises EventRefused before any is stored."""
    rows = [_row(event) for event in events]
    Event.objects.bulk_create(rows)
    announce_work(EXECUTOR)
    return [row.event_id for row in rows]


def _row(event: inngest.Event) -> Event:
    if not event.name or len(event.name) > MAX_NAME_CHARS:
        raise EventRefused(f"An event needs a name of at most {MAX_NAME_CHARS} characters.")
    if event.name.startswith(RESERVED):
        raise EventRefused(f"{event.name}: names below {RESERVED} belong to the driver.")
    if len(event.id) > MAX_ID_CHARS:
        raise EventRefused(f"The event id has more than {MAX_ID_CHARS} characters.")
    return Event(
        event_id=event.id or uuid.uuid4().hex, name=event.name, data=dict(event.data),
        ts=event.ts or int(time.time() * 1000),
    )
