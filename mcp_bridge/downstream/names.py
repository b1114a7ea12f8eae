"""Asks tool servers for the names behind ids in calls that wait for a person, so that their sentences can say them.

Never in a page's request. What was found is kept in EntityName and asked for again after a day; what a server does not
know, after an hour; what failed, a minute later.
"""

import json
import logging
import time
from datetime import datetime, timedelta

from django.utils import timezone

from governance.errors import GovernanceError
from governance.insight import ids_in, look_up_name
from governance.models import EntityName, GovernanceRequest, ToolServer
from governance.states import Status
from mcp_bridge.downstream.servers import key_of

log = logging.getLogger(__name__)

POLL_SECONDS = 5.0
IDLE_SECONDS = 30.0  # no server has resolvers
START_SECONDS = 2.0  # a server's own event loop takes over from the background thread's first
ROUND_SECONDS = 10.0  # no look-up begins after that, so that the process can end
WINDOW = 500  # of the newest waiting calls of a server; older ones were new once
BATCH = 20  # look-ups of one server in one round
KEEPS = timedelta(days=1)
KEEPS_NOTHING = timedelta(hours=1)
RETRY = timedelta(minutes=1)
LONGEST_PAUSE_SECONDS = 600.0


class Names:
    """One round asks for what is missing. Of several processes one takes each id; a failing server waits longer."""

    def __init__(self) -> None:
        self._pauses: dict[int, tuple[float, float]] = {}  # server → not before (monotonic), length of the pause
        self._started = time.monotonic()

    def round(self) -> float:
        if (early := self._started + START_SECONDS - time.monotonic()) > 0:
            return early
        servers = list(
            ToolServer.objects.filter(enabled=True, halted_at=None, team__halted_at=None).exclude(resolvers=[])
            .select_related("team").order_by("pk")
        )
        end = time.monotonic() + ROUND_SECONDS
        for server in servers:
            if self._pauses.get(server.pk, (0.0, 0.0))[0] <= time.monotonic():
                self._look_up(server, end)
        return POLL_SECONDS if servers else IDLE_SECONDS

    def _look_up(self, server: ToolServer, end: float) -> None:
        for value in missing_ids(server)[:BATCH]:
            if time.monotonic() >= end:
                return
            if not _take(server, value):
                continue
            try:
                name = look_up_name(server, value)
            except GovernanceError as error:  # down, halted, not accepted: the next id would fare the same
                self._pause(server, error)
                return
            self._pauses.pop(server.pk, None)
            EntityName.objects.filter(server=server, value=value).update(name=name, looked_up_at=timezone.now())

    def _pause(self, server: ToolServer, error: GovernanceError) -> None:
        pause = min(max(10.0, self._pauses.get(server.pk, (0.0, 0.0))[1] * 2), LONGEST_PAUSE_SECONDS)
        self._pauses[server.pk] = time.monotonic() + pause, pause
        log.warning("names could not be looked up at %s: %s", key_of(server), error)


def missing_ids(server: ToolServer) -> list[str]:
    """Ids in the newest waiting calls whose name is not known, or known for too long; newest call first."""
    rows = GovernanceRequest.objects.filter(
        team_id=server.team_id, status=Status.IN_REVIEW, tool__server_id=server.pk
    ).order_by("-received_at", "-id").values_list("arguments_json", flat=True)[:WINDOW]
    wanted: dict[str, None] = {}
    for text in rows:
        wanted |= dict.fromkeys(sorted(ids_in(server, json.loads(text))))
    now = timezone.now()
    known = EntityName.objects.filter(server=server, value__in=list(wanted))
    fresh = {row.value for row in known if row.looked_up_at > now - _keeps(row.name)}
    return [value for value in wanted if value not in fresh]


def _keeps(name: str) -> timedelta:
    return KEEPS if name else KEEPS_NOTHING


def _take(server: ToolServer, value: str) -> bool:
    """False when another process took it. Until it has an answer it is due again after RETRY."""
    now = timezone.now()
    row, created = EntityName.objects.get_or_create(
        server=server, value=value, defaults={"looked_up_at": _due_in(RETRY, "", now)}
    )
    if created:
        return True
    return EntityName.objects.filter(pk=row.pk, looked_up_at=row.looked_up_at).update(
        looked_up_at=_due_in(RETRY, row.name, now)
    ) == 1


def _due_in(pause: timedelta, name: str, now: datetime) -> datetime:
    return now - _keeps(name) + pause
