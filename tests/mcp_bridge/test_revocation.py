"""A token revoked in this process closes its streams at once, and none of its answers outlives the revocation."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.db import connection

from governance import actions
from governance.models import AgentToken
from mcp_bridge import asgi, auth, streams
from tests.mcp_bridge.agents import WAIT_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def runtime(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The bridge in this process, without its periodic look at tokens."""
    monkeypatch.setattr(streams, "CHECK_SECONDS", 3600)
    await asgi.start()
    yield
    await asgi.stop()


def in_thread(work: Any, *args: Any) -> Any:
    """`work` in a thread that leaves no connection behind."""
    try:
        return work(*args)
    finally:
        connection.close()


async def make_agent(name: str) -> tuple[AgentToken, str]:
    """The row of an agent's token, and the token."""

    def make() -> tuple[AgentToken, str]:
        agent, token = actions.create_agent(name)
        return AgentToken.objects.select_related("agent__team").get(agent=agent), token

    return await asyncio.to_thread(in_thread, make)


class Exchange:
    """One GET of the event stream, spoken directly to the ASGI application."""

    def __init__(self, token: str) -> None:
        self.sent: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        scope = {
            "type": "http", "method": "GET", "path": "/mcp/sse", "root_path": "", "query_string": b"",
            "headers": [(b"host", b"127.0.0.1:8000"), (b"authorization", f"Bearer {token}".encode())],
        }
        self.task = asyncio.create_task(asgi.mcp_app(scope, asyncio.Queue().get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if b"endpoint" in message.get("body", b""):
            self.open.set()


async def test_revoking_closes_the_stream_at_once() -> None:
    row, token = await make_agent("short-lived")
    _, other = await make_agent("other")
    async with asyncio.timeout(WAIT_SECONDS):
        dying, living = Exchange(token), Exchange(other)
        await dying.open.wait()
        await living.open.wait()
        await asyncio.to_thread(in_thread, actions.revoke_token, row)
        await dying.task
    assert dying.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert not living.task.done()
    refused = Exchange(token)
    await refused.task
    assert refused.sent[0]["status"] == 401


async def test_a_look_up_that_a_revocation_overtook_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    row, token = await make_agent("raced")
    look_up = auth._look_up

    def overtaken(clear: str) -> Any:
        found = look_up(clear)
        actions.revoke_token(row)
        return found

    monkeypatch.setattr(auth, "_look_up", overtaken)
    callers = auth.Callers()
    await callers.find(token)
    monkeypatch.setattr(auth, "_look_up", look_up)
    assert await callers.find(token) is None
