"""An agent in the browser tests: real MCP over HTTP, one POST a call, with a token."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

PROTOCOL = "2026-07-28"


@dataclass(frozen=True)
class Caller:
    url: str
    token: str

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The result of tools/call; a call that waits comes back as its task."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": tool, "arguments": arguments, "_meta": {
                "io.modelcontextprotocol/protocolVersion": PROTOCOL,
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {
                    "extensions": {"io.modelcontextprotocol/tasks": {}}
                },
            },
        }}
        request = urllib.request.Request(f"{self.url}/mcp", json.dumps(body).encode(), {
            "Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": PROTOCOL,
            "Mcp-Method": "tools/call", "Mcp-Name": tool,
        })
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["result"]

    def wait_for_a_person(self, tool: str, **arguments: Any) -> str:
        """The reference of a call that waits."""
        return self.call(tool, **arguments)["taskId"]

    def reads(self, reference: str) -> str:
        """What check_status tells it of that call."""
        return json.dumps(self.call("check_status", reference=reference), ensure_ascii=False)
