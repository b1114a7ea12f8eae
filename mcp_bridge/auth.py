"""Who is calling: a bearer token → the agent it belongs to. Reviewers' tokens are not agents' and never match."""

import asyncio
import contextvars
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import Error
from django.db.models import Q
from django.utils import timezone

from governance.events import on_token_revoked
from governance.models import Agent, AgentToken
from governance.models.tokens import hash_token
from mcp_bridge import database

log = logging.getLogger(__name__)

SCOPE = "mcp"
CACHE_SECONDS = 1.0
REFRESH_SECONDS = 0.5  # from then on a token in use is looked up again beside its calls
CACHE_SIZE = 4096
MAX_TOKEN_CHARS = 512
NOTE_USE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Caller:
    agent_id: int
    agent_name: str
    team_id: int
    token_id: int | None = None  # None: the local agent of a stdio session without a token
    scopes: tuple[str, ...] = (SCOPE,)
    expires_at: datetime | None = None
    generation: int = 0  # of the team, when the token was last seen to be live

    @property
    def may_call(self) -> bool:
        return SCOPE in self.scopes

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class Callers:
    """Callers by token, remembered for at most a second and forgotten when a token is revoked."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Caller]] = {}  # with the moment it was certainly right
        self._revocations = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._refreshing: set[str] = set()
        on_token_revoked(self._forget)

    async def find(self, token: str) -> Caller | None:
        """The caller of a live token, None for any other. Raises django.db.Error: then nobody is let in."""
        if not token or len(token) > MAX_TOKEN_CHARS:
            return None
        key = hash_token(token)
        confirmed, caller = self._known.get(key, (0.0, None))
        age = time.monotonic() - confirmed
        if caller is None or age >= CACHE_SECONDS:
            caller = await self._look_up(key)
        elif age > REFRESH_SECONDS and key not in self._refreshing:
            self._refreshing.add(key)
            self._begin(self._refresh(key))
        return None if caller is None or caller.is_expired else caller

    async def again(self, caller: Caller) -> Caller | None:
        """The caller as its token stands now, not as it is remembered. Raises django.db.Error."""
        for key, (_, known) in list(self._known.items()):
            if known.token_id == caller.token_id:
                self._known.pop(key, None)
                return await self._look_up(key)
        found, _ = await database.read(_look_up, {"pk": caller.token_id})
        return found

    async def _look_up(self, key: str) -> Caller | None:
        begun, revocations = time.monotonic(), self._revocations
        caller, used_at = await database.read(_look_up, {"sha256": key})
        if caller is None:
            self._known.pop(key, None)
            return None
        if revocations == self._revocations:  # else the row may be older than a revocation
            self._remember(key, begun, caller)
        self._note_use(caller, used_at)
        return caller

    async def _refresh(self, key: str) -> None:
        try:
            await self._look_up(key)
        except Error as error:  # the next call after CACHE_SECONDS is refused
            log.warning("a token could not be looked up again: %s", error)
        finally:
            self._refreshing.discard(key)

    def _remember(self, key: str, begun: float, caller: Caller) -> None:
        if len(self._known) >= CACHE_SIZE:
            for old in list(islice(self._known, CACHE_SIZE // 2)):
                self._known.pop(old, None)
        self._known[key] = (begun, caller)

    def _forget(self, token_id: int) -> None:
        self._revocations += 1
        for key, (_, caller) in list(self._known.items()):
            if caller.token_id == token_id:
                self._known.pop(key, None)

    def _note_use(self, caller: Caller, used_at: datetime | None) -> None:
        if used_at is not None and used_at > timezone.now() - NOTE_USE_EVERY:
            return
        self._begin(self._write_use(caller))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_use(self, caller: Caller) -> None:
        try:
            await database.write(_note_use, caller.token_id)
        except Error as error:
            log.warning("the last use of a token of %s was not noted: %s", caller.agent_name, error)


def _look_up(token: dict[str, Any]) -> tuple[Caller | None, datetime | None]:
    live = AgentToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None, **token)
    row = live.select_related("agent__team").first()
    if row is None:
        return None, None
    return _caller(row.agent, row), row.last_used_at


def _caller(agent: Agent, token: AgentToken) -> Caller:
    scopes = tuple(str(scope) for scope in token.scopes) if isinstance(token.scopes, list) else ()
    return Caller(
        agent.pk, agent.name, agent.team_id, token.pk, scopes, token.expires_at, generation=agent.team.generation
    )


def _note_use(token_id: int) -> None:
    now = timezone.now()
    AgentToken.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lte=now - NOTE_USE_EVERY), pk=token_id
    ).update(last_used_at=now)


def dead_tokens(token_ids: set[int]) -> set[int]:
    """Those of these tokens that were revoked, have expired or are gone. One query."""
    live = AgentToken.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=timezone.now()), pk__in=token_ids, revoked_at=None
    )
    return token_ids - set(live.values_list("pk", flat=True))


callers = Callers()
