"""Watching a request's row: woken by its announcements, and by the clock in case one got lost."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import anyio

from governance.events import waiting_for
from mcp_bridge import database

T = TypeVar("T")

FIRST_NOTE_SECONDS = 1.0  # early: it carries the reference
NOTE_SECONDS = 5.0


async def until(
    request_id: UUID, look: Callable[[UUID], T | None], note: Callable[[float], Awaitable[None]] | None = None
) -> T:
    """What `look` finds in the database, as soon as it finds something. Unbounded: the caller sets the limit.

    `note` is called now and then with the seconds that have passed.
    """
    begun = time.monotonic()
    next_note = begun + FIRST_NOTE_SECONDS
    with waiting_for(request_id) as changed:
        while True:
            changed.clear()
            if (found := await database.read(look, request_id)) is not None:
                return found
            with anyio.move_on_after(next_note - time.monotonic()):
                await changed.wait()
            if time.monotonic() >= next_note:
                next_note = time.monotonic() + NOTE_SECONDS
                if note is not None:
                    await note(round(time.monotonic() - begun, 1))
