"""The live line to an open page: which requests of the person's teams changed. Ids and status, nothing else.

The page then fetches its fragment, so what a person may see is decided by the views alone.
"""

import time
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer

from governance.events import team_group
from governance.models import Team, User

# Somebody who logged out, was deactivated or left a team hears nothing more after at most this long.
RECHECK_SECONDS = 30
NOT_LOGGED_IN = 4401


class QueueConsumer(AsyncJsonWebsocketConsumer):
    """Sends `{"reference", "status", "moved"}` per change; not moved: something else about it changed.

    Takes no messages.
    """

    joined: frozenset[str] = frozenset()
    checked_at = 0.0

    async def connect(self) -> None:
        groups = await self._groups()
        if groups is None:
            await self.close(NOT_LOGGED_IN)
            return
        await self._join(groups)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self._join(frozenset())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Whatever a browser says is ignored."""

    async def request_changed(self, message: dict[str, Any]) -> None:
        if time.monotonic() - self.checked_at > RECHECK_SECONDS:
            groups = await self._groups()
            if groups is None:
                await self.close(NOT_LOGGED_IN)
                return
            await self._join(groups)
        if team_group(message["team"]) in self.joined:
            await self.send_json({name: message[name] for name in ("reference", "status", "moved")})

    async def _join(self, groups: frozenset[str]) -> None:
        for group in self.joined - groups:
            await self.channel_layer.group_discard(group, self.channel_name)
        for group in groups - self.joined:
            await self.channel_layer.group_add(group, self.channel_name)
        self.joined = groups

    @database_sync_to_async
    def _groups(self) -> frozenset[str] | None:
        """The groups of the teams this session's person sees now; None when nobody is logged in."""
        self.checked_at = time.monotonic()
        scoped, session = self.scope.get("user"), self.scope.get("session")
        if scoped is None or not scoped.is_authenticated:
            return None
        if session is not None and not session.exists(session.session_key):
            return None
        user = User.objects.filter(pk=scoped.pk, is_active=True).first()
        if user is None:
            return None
        return frozenset(map(team_group, Team.objects.visible_to(user).values_list("pk", flat=True)))


class NoSuchSocket(AsyncWebsocketConsumer):
    """Every other address: refused, without an error in the log."""

    async def connect(self) -> None:
        await self.close(4404)
