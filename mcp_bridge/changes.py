"""Tells connected agents that what they were shown has changed, in both protocol eras.

Whatever an administrator does may change a team's lists, and a server may announce other resources or prompts; an agent
that is told reads them again. Agents of one process are told by it; every process hears of every change.
"""

import asyncio
import logging
from collections import defaultdict
from typing import Any

from mcp import types
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ToolsListChanged,
)

from governance.events import on_administration
from mcp_bridge.downstream.servers import on_offers_changed
from mcp_bridge.offers import forget_lists

log = logging.getLogger(__name__)

SOON_SECONDS = 0.1  # what changes in a burst is told once
MAX_LISTENING = 1_000  # streams of one team
TOLD = ("tools", "prompts", "resources")
_EVENTS = {"tools": ToolsListChanged, "prompts": PromptsListChanged, "resources": ResourcesListChanged}


class Changes:
    """Belongs to one event loop, that of the server; `changed` may be called from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._buses: dict[int, tuple[InMemorySubscriptionBus, ListenHandler]] = {}
        self._sessions: defaultdict[int, set[Any]] = defaultdict(set)
        self._due: defaultdict[int, set[str]] = defaultdict(set)
        self._tasks: set[asyncio.Task[None]] = set()
        on_administration(self.administered)
        on_offers_changed(self.offers_changed)

    async def listen(self, team_id: int, ctx: Any, params: Any) -> types.SubscriptionsListenResult:
        """subscriptions/listen of 2026-07-28: runs as long as the client listens."""
        self._loop = asyncio.get_running_loop()
        if team_id not in self._buses:
            bus = InMemorySubscriptionBus()
            self._buses[team_id] = bus, ListenHandler(bus, max_subscriptions=MAX_LISTENING)
        return await self._buses[team_id][1](ctx, params)

    def add_session(self, team_id: int, session: Any, connection: Any) -> None:
        """A session from before 2026-07-28 that has said hello; forgotten with its connection."""
        self._loop = asyncio.get_running_loop()
        if len(self._sessions[team_id]) >= MAX_LISTENING:
            return
        self._sessions[team_id].add(session)
        connection.exit_stack.callback(self._sessions[team_id].discard, session)

    def administered(self, team_id: int) -> None:
        self._soon(team_id, TOLD)

    def offers_changed(self, what: str) -> None:
        """Some server announced a change; its team is not known here, so every team looks again."""
        forget_lists()
        for team_id in {*self._buses, *self._sessions}:
            self._soon(team_id, (what,))

    def _soon(self, team_id: int, kinds: tuple[str, ...]) -> None:
        loop = self._loop
        if loop is not None and loop.is_running():
            loop.call_soon_threadsafe(self._note, team_id, kinds)

    def _note(self, team_id: int, kinds: tuple[str, ...]) -> None:
        if team_id not in self._due:
            asyncio.get_running_loop().call_later(SOON_SECONDS, self._begin, team_id)
        self._due[team_id].update(kinds)

    def _begin(self, team_id: int) -> None:
        task = asyncio.ensure_future(self._tell(team_id, self._due.pop(team_id, set())))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, team_id: int, kinds: set[str]) -> None:
        for kind in sorted(kinds):
            if team_id in self._buses:
                await self._buses[team_id][0].publish(_EVENTS[kind]())
            for session in list(self._sessions.get(team_id, ())):
                try:
                    await _send(session, kind)
                except Exception as error:  # a session that is ending must not keep the others from hearing it
                    log.debug("a session could not be told of a change: %s", error)


async def _send(session: Any, kind: str) -> None:
    if kind == "tools":
        await session.send_tool_list_changed()
    elif kind == "prompts":
        await session.send_prompt_list_changed()
    else:
        await session.send_resource_list_changed()


changes = Changes()
