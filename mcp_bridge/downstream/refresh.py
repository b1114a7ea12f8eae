"""Reads the tool lists of remote servers again: when a server says so, and once a minute."""

import logging
import time
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from governance import actions
from governance.errors import GovernanceError
from governance.models import ToolServer
from governance.models.tools import REMOTE_KINDS
from mcp_bridge.downstream.servers import changed, key_of

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=60)
POLL_SECONDS = 5.0
START_SECONDS = 2.0  # a server's own event loop takes over from the background thread's first
LONGEST_PAUSE_SECONDS = 600.0
BATCH = 20  # servers in one round


class Refresh:
    """One round reads what is due. Of several processes one takes each server; a failing one is asked ever less."""

    def __init__(self) -> None:
        self._pauses: dict[int, tuple[float, float]] = {}  # server → not before (monotonic), length of the pause
        self._started = time.monotonic()

    def round(self) -> float:
        if (early := self._started + START_SECONDS - time.monotonic()) > 0:
            return early
        now = timezone.now()
        servers = ToolServer.objects.filter(kind__in=REMOTE_KINDS, enabled=True, halted_at=None).select_related("team")
        told = set(changed)
        old = servers.filter(Q(listed_at=None) | Q(listed_at__lte=now - EVERY)).order_by("listed_at")[:BATCH]
        due = {server.pk: server for server in old}
        if told:
            due.update({server.pk: server for server in servers if key_of(server) in told})
        for server in due.values():
            changed.discard(key_of(server))
            if self._may_try(server) and self._take(server):
                self._read(server)
        return POLL_SECONDS

    def _may_try(self, server: ToolServer) -> bool:
        return self._pauses.get(server.pk, (0.0, 0.0))[0] <= time.monotonic()

    def _take(self, server: ToolServer) -> bool:
        """False when another process read it meanwhile."""
        return ToolServer.objects.filter(pk=server.pk, listed_at=server.listed_at).update(
            listed_at=timezone.now()
        ) == 1

    def _read(self, server: ToolServer) -> None:
        try:
            actions.read_tools(server)
        except GovernanceError as error:
            pause = min(max(10.0, self._pauses.get(server.pk, (0.0, 0.0))[1] * 2), LONGEST_PAUSE_SECONDS)
            self._pauses[server.pk] = time.monotonic() + pause, pause
            log.warning("the tools of %s could not be read: %s", key_of(server), error)
        else:
            self._pauses.pop(server.pk, None)
