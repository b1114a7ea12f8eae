"""What a person pastes into an agent's program so that it calls tools through this gateway: text only, per client.

Checked against the clients' own documentation; tests parse every file and run what can be run.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

NAME = "atlas"  # of the server, in the client's list


@dataclass(frozen=True)
class Snippet:
    """One thing to copy. `where`: the file it belongs into, or what to do with it."""

    code: str
    language: str
    where: str
    hint: str = ""


@dataclass(frozen=True)
class Client:
    slug: str
    name: str
    snippets: tuple[Snippet, ...]


def clients(token: str, url: str = "") -> list[Client]:
    """Every client's configuration with this token filled in. `url`: the gateway's, without a path."""
    url = url or settings.PUBLIC_URL
    return [
        Client("claude-code", "Claude Code", _claude_code(url, token)),
        Client("claude-desktop", "Claude Desktop", _claude_desktop(url, token)),
        Client("cursor", "Cursor", _cursor(url, token)),
        Client("vscode", "VS Code", _vscode(url, token)),
        Client("python", "Python SDK", _python(url, token)),
        Client("typescript", "TypeScript SDK", _typescript(url, token)),
        Client("curl", "curl", _curl(url, token)),
    ]


def _filled(text: str, url: str, token: str) -> str:
    return text.strip().replace("@URL@", f"{url}/mcp").replace("@TOKEN@", token)


def _file(value: Mapping[str, object]) -> str:
    return json.dumps(value, indent=2)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _claude_code(url: str, token: str) -> tuple[Snippet, ...]:
    command = f'claude mcp add --transport http {NAME} "{url}/mcp" --header "Authorization: Bearer {token}"'
    return (
        Snippet(
            command, "sh", _("In a terminal, in the project's folder"),
            _("For all your projects add --scope user. /mcp inside Claude Code shows whether it is connected."),
        ),
    )


def _claude_desktop(url: str, token: str) -> tuple[Snippet, ...]:
    """It starts its servers itself, on stdio: a bridge passes the messages on."""
    remote = ["-y", "mcp-remote", f"{url}/mcp", "--transport", "http-only", "--header", "Authorization:${AUTH}"]
    if url.startswith("http://"):
        remote.append("--allow-http")
    anywhere = {"command": "npx", "args": remote, "env": {"AUTH": f"Bearer {token}"}}
    here = {
        "command": sys.executable, "args": [str(settings.BASE_DIR / "manage.py"), "mcp_stdio"],
        "env": {"ATLAS_GATEWAY_URL": url, "ATLAS_AGENT_TOKEN": token},
    }
    where = _("claude_desktop_config.json (Settings, Developer, Edit Config)")
    return (
        Snippet(
            _file({"mcpServers": {NAME: anywhere}}), "json", where,
            _("From any computer with Node.js. Quit and start Claude Desktop afterwards."),
        ),
        Snippet(
            _file({"mcpServers": {NAME: here}}), "json", where,
            _("On the gateway's own machine: its own bridge, without Node.js."),
        ),
    )


def _cursor(url: str, token: str) -> tuple[Snippet, ...]:
    server = {"url": f"{url}/mcp", "headers": _bearer(token)}
    return (
        Snippet(
            _file({"mcpServers": {NAME: server}}), "json", _("~/.cursor/mcp.json"),
            _("Or .cursor/mcp.json in one project; keep that file out of version control, since the token is in it."),
        ),
    )


def _vscode(url: str, token: str) -> tuple[Snippet, ...]:
    server = {"type": "http", "url": f"{url}/mcp", "headers": _bearer(token)}
    return (
        Snippet(
            _file({"servers": {NAME: server}}), "json", _(".vscode/mcp.json"),
            _("Keep that file out of version control, since the token is in it. For all projects: the command "
              "“MCP: Open User Configuration”."),
        ),
    )


_PYTHON = '''
import asyncio

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

URL = "@URL@"
HEADERS = {"Authorization": "Bearer @TOKEN@"}


async def main() -> None:
    async with (
        httpx2.AsyncClient(headers=HEADERS, timeout=60) as http,
        Client(streamable_http_client(URL, http_client=http)) as client,
    ):
        tools = await client.list_tools()
        print("tools:", ", ".join(tool.name for tool in tools.tools))
        result = await client.call_tool("check_status", {})
        print(result.content[0].text)


asyncio.run(main())
'''


def _python(url: str, token: str) -> tuple[Snippet, ...]:
    return (
        Snippet('pip install "mcp>=2"', "sh", _("In a terminal")),
        Snippet(_filled(_PYTHON, url, token), "python", "agent.py", _("Then: python agent.py")),
    )


_TYPESCRIPT = '''
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const transport = new StreamableHTTPClientTransport(new URL("@URL@"), {
  authProvider: { token: async () => "@TOKEN@" },
});
const client = new Client(
  { name: "my-agent", version: "1.0.0" },
  { versionNegotiation: { mode: "auto" } },
);
await client.connect(transport);

const { tools } = await client.listTools();
console.log("tools:", tools.map((tool) => tool.name).join(", "));
const result = await client.callTool({ name: "check_status", arguments: {} });
console.log(result.content[0]);
await client.close();
'''


def _typescript(url: str, token: str) -> tuple[Snippet, ...]:
    return (
        Snippet("npm install @modelcontextprotocol/client", "sh", _("In a terminal")),
        Snippet(_filled(_TYPESCRIPT, url, token), "ts", "agent.mts", _("Then: npx tsx agent.mts")),
    )


_CURL = """
curl -sS "@URL@" \\
  -H "Authorization: Bearer @TOKEN@" \\
  -H "Content-Type: application/json" \\
  -H "Accept: application/json, text/event-stream" \\
  -H "MCP-Protocol-Version: 2026-07-28" \\
  -H "Mcp-Method: tools/call" -H "Mcp-Name: check_status" \\
  -d '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "check_status", "arguments": {}, "_meta": {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientCapabilities": {}}}}'
"""

_CURL_SESSION = """
ask() {
  curl -sS "@URL@" -H "Authorization: Bearer @TOKEN@" \\
    -H "Content-Type: application/json" -H "Accept: application/json, text/event-stream" "$@"
}
SESSION=$(ask -D - -o /dev/null -d '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
  "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "curl", "version": "1"}}}' \\
  | tr -d '\\r' | awk 'tolower($1) == "mcp-session-id:" {print $2}')
ask -H "Mcp-Session-Id: $SESSION" -d '{"jsonrpc": "2.0", "method": "notifications/initialized"}'
ask -H "Mcp-Session-Id: $SESSION" -d '{"jsonrpc": "2.0", "id": 2, "method": "tools/list"}'
"""


def _curl(url: str, token: str) -> tuple[Snippet, ...]:
    return (
        Snippet(
            _filled(_CURL, url, token), "sh", _("One call, revision 2026-07-28"),
            _("There is no hello and no session: every message stands alone."),
        ),
        Snippet(
            _filled(_CURL_SESSION, url, token), "sh", _("With a session, revision 2025-11-25 and older"),
            _("The answers come as event streams."),
        ),
    )
