"""Who is calling: a bearer token → the agent it belongs to. Reviewers' tokens are not agents' and never match."""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

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

    @property
    def may_call(self) -> bool:
        return SCOPE in self.scopes

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class Callers:
    """Callers by token, remembered for at most a second and forgotten when a token is revoked."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Caller]] = {}
        self._revocations = 0
        self._notes: set[asyncio.Task[None]] = set()
        on_token_revoked(self._forget)

    async def find(self, token: str) -> Caller | None:
        """The caller of a live token, None for any other. Raises django.db.Error: then nobody is let in."""
        if not token or len(token) > MAX_TOKEN_CHARS:
            return None
        key = hash_token(token)
        until, caller = self._known.get(key, (0.0, None))
        if caller is None or until <= time.monotonic():
            revocations = self._revocations
            caller, used_at = await database.read(_look_up, token)
            if caller is None:
                self._known.pop(key, None)
                return None
            if revocations == self._revocations:  # else the row may be older than a revocation
                self._remember(key, caller)
            self._note_use(caller, used_at)
        return None if caller.is_expired else caller

    def _remember(self, key: str, caller: Caller) -> None:
        if len(self._known) >= CACHE_SIZE:
            for old in list(islice(self._known, CACHE_SIZE // 2)):
                self._known.pop(old, None)
        self._known[key] = (time.monotonic() + CACHE_SECONDS, caller)

    def _forget(self, token_id: int) -> None:
        self._revocations += 1
        for key, (_, caller) in list(self._known.items()):
            if caller.token_id == token_id:
                self._known.pop(key, None)

    def _note_use(self, caller: Caller, used_at: datetime | None) -> None:
        if used_at is not None and used_at > timezone.now() - NOTE_USE_EVERY:
            return
        task = asyncio.get_running_loop().create_task(self._write_use(caller))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _write_use(self, caller: Caller) -> None:
        try:
            await database.write(_note_use, caller.token_id)
        except Error as error:
            log.warning("the last use of a token of %s was not noted: %s", caller.agent_name, error)


def _look_up(token: str) -> tuple[Caller | None, datetime | None]:
    row = AgentToken.objects.usable(token).select_related("agent").first()
    if row is None:
        return None, None
    return _caller(row.agent, row), row.last_used_at


def _caller(agent: Agent, token: AgentToken) -> Caller:
    scopes = tuple(str(scope) for scope in token.scopes) if isinstance(token.scopes, list) else ()
    return Caller(agent.pk, agent.name, agent.team_id, token.pk, scopes, token.expires_at)


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
