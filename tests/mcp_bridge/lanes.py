"""The bridge in this process, spoken to as an ASGI server would, with a policy that allows the tool `echo`."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connection

from governance import actions
from governance.models import Agent, AgentToken, Team
from mcp_bridge import asgi
from tests.factories import make_tool

T = TypeVar("T")

VERSION = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": VERSION, "io.modelcontextprotocol/clientCapabilities": {}}
POLICY = """\
version: 1
rules:
  - name: echoes
    effect: allow
    when: {tool: echo}
"""
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


async def in_thread(work: Callable[..., T], *args: Any, **fields: Any) -> T:
    """`work` in a thread that leaves no connection behind."""

    def run() -> T:
        try:
            return work(*args, **fields)
        finally:
            connection.close()

    return await asyncio.to_thread(run)


def make_caller(name: str = "caller") -> tuple[Agent, str]:
    """An agent with its token, and the tool `echo` that it may call without asking."""
    agent, token = actions.create_agent(name)
    make_tool("echo", input_schema=SCHEMA)
    actions.activate_policy(actions.save_policy(Team.objects.default(), POLICY))
    return agent, token


def token_row(agent: Agent) -> AgentToken:
    return AgentToken.objects.select_related("agent__team").get(agent=agent)


def call(text: str = "hello", **params: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": text}, "_meta": META, **params},
    }  # fmt: skip


HEADERS = {
    "host": "127.0.0.1:8000", "content-type": "application/json", "accept": "application/json, text/event-stream",
    "mcp-protocol-version": VERSION, "mcp-method": "tools/call", "mcp-name": "echo",
}


class Posted:
    """One POST to /mcp; `leave()` is the client's going. `status`, `headers` and `body` once it was answered."""

    def __init__(self, token: str, body: Any, headers: Any = HEADERS) -> None:
        pairs = list(headers.items()) if isinstance(headers, dict) else headers
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        half = len(content) // 2
        self._messages.put_nowait({"type": "http.request", "body": content[:half], "more_body": True})
        self._messages.put_nowait({"type": "http.request", "body": content[half:], "more_body": False})
        self._sent: list[dict[str, Any]] = []
        scope = {
            "type": "http", "method": "POST", "path": "/mcp", "root_path": "", "query_string": b"",
            "headers": [
                (name.encode(), value.encode()) for name, value in [*pairs, ("authorization", f"Bearer {token}")]
            ],
        }  # fmt: skip
        self.task = asyncio.create_task(asgi.mcp_app(scope, self._messages.get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        self._sent.append(message)

    def leave(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    async def answer(self) -> "Posted":
        async with asyncio.timeout(30):
            await self.task
        return self

    @property
    def status(self) -> int:
        return self._sent[0]["status"]

    @property
    def content_type(self) -> str:
        return dict(self._sent[0]["headers"]).get(b"content-type", b"").decode()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self._sent[1:])

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def result(self) -> dict[str, Any]:
        return self.json["result"]


async def post(token: str, body: Any, headers: Any = HEADERS) -> Posted:
    return await Posted(token, body, headers).answer()
