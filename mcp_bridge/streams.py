"""The open MCP exchanges of this process by token, so that a revoked or expired token closes them at once."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from django.db import Error

from mcp_bridge import database
from mcp_bridge.auth import dead_tokens

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0


class OpenStreams:
    """Belongs to one event loop; only `close_soon` may be called from other threads."""

    def __init__(self) -> None:
        self._scopes: dict[int, set[anyio.CancelScope]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    @contextmanager
    def opened(self, token_id: int) -> Iterator[anyio.CancelScope]:
        """What runs inside is cancelled when the token dies; then the scope's `cancelled_caught` is true."""
        scope = anyio.CancelScope()
        self._scopes[token_id].add(scope)
        try:
            with scope:
                yield scope
        finally:
            self._scopes[token_id].discard(scope)
            if not self._scopes[token_id]:
                del self._scopes[token_id]

    def close_soon(self, token_id: int) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.close, token_id)

    def close(self, token_id: int) -> None:
        for scope in list(self._scopes.get(token_id, ())):
            scope.cancel()

    def close_all(self) -> None:
        for token_id in list(self._scopes):
            self.close(token_id)

    async def watch(self) -> None:
        """Closes what a revocation in another process or an expiry has ended. Runs until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if not self._scopes:
                continue
            try:
                dead = await database.read(dead_tokens, set(self._scopes))
            except Error as error:  # a new message is refused as long as tokens cannot be read
                log.warning("tokens of open streams could not be checked: %s", error)
                continue
            for token_id in dead:
                self.close(token_id)
