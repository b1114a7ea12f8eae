"""A gateway in front of one tool server that it knows by two names, one careful and one not; and raw 2026 messages."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.gateway import Gateway, start_gateway
from tests.mcp_bridge.downstream.everything import Everything
from tests.peers.behind import activate, add_server
from tests.waiting import wait_for

POLICY = """
version: 1
rules:
  - name: open
    effect: allow
    when: {server: open}
  - name: careful
    effect: review
    when: {server: careful}
"""
TASKS = "io.modelcontextprotocol/tasks"
_ids = count(1)


@dataclass
class Front:
    gateway: Gateway
    server: Everything

    @property
    def url(self) -> str:
        return self.gateway.url

    @property
    def token(self) -> str:
        return self.gateway.agent_token

    def approve(self, reference: str, decision: str = "APPROVED") -> None:
        """Decides once the request waits for a person."""
        def decided() -> bool:
            status, _ = self.gateway.decide(reference, decision, "Tried.")
            return status == 200

        wait_for(decided, f"{reference} to wait for a person")


def start_front(folder: Path, server: Everything, url: str, **env: str) -> Front:
    gateway = start_gateway(folder, env={"ATLAS_HOLD_SECONDS": "20", **env})
    try:
        for slug in ("careful", "open"):
            add_server(gateway, slug, "http", url=url, allowed_resources="demo://*", allowed_prompts="greet")
        activate(gateway, POLICY)
    except BaseException:
        gateway.close()
        raise
    return Front(gateway, server)


def send(
    url: str, token: str, method: str, params: dict[str, Any] | None = None, *,
    capabilities: dict[str, Any] | None = None, **headers: str,
) -> dict[str, Any]:
    """One message of 2026-07-28, written by hand: the JSON-RPC answer as it came."""
    params = dict(params or {})
    params["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities or {}, **params.get("_meta", {}),
    }
    named = params.get("name") or params.get("taskId") or params.get("uri")
    body = {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": params}
    request = urllib.request.Request(f"{url}/mcp", json.dumps(body).encode(), {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {token}", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method,
        **({"Mcp-Name": named} if named else {}), **headers,
    })  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=40) as response:
            return _answer(response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.read().decode())


def _answer(text: str) -> dict[str, Any]:
    """The last message of an event stream, or the JSON body."""
    if text.lstrip().startswith("{"):
        return json.loads(text)
    return json.loads([line for line in text.splitlines() if line.startswith("data:")][-1][5:])


def declaring_tasks(**others: Any) -> dict[str, Any]:
    return {"extensions": {TASKS: {}}, **others}
