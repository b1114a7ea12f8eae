"""What `make run` prints when it is ready. Secrets appear in it once and nowhere else."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_bridge.running.first_run import AGENT, REVIEWER, Credentials

if TYPE_CHECKING:
    from mcp_bridge.demo import Played  # its MCP client would slow down every start

RULE = "─" * 78


def first_banner(
    url: str, base: Path, credentials: Credentials, played: "Sequence[Played]", not_played: str = ""
) -> str:
    return "\n".join([
        "", RULE, f"  ATLAS Governance Gateway runs at {url}", RULE, "",
        *_log_in(url, credentials), "",
        *_agent(url, base, credentials), "",
        *_calls(url, played, not_played),
        "  These secrets are shown only now. Ctrl-C stops the gateway; make run starts it again.", RULE, "",
    ])


def later_banner(url: str, waiting: int) -> str:
    queue = "nothing waits for a decision" if not waiting else f"{waiting} waiting for a decision"
    return "\n".join([
        "", RULE, f"  ATLAS Governance Gateway runs at {url}", RULE, "",
        f"  Log in       {url}/  ({queue})",
        f"  Agents       SSE {url}/mcp/sse   Streamable HTTP {url}/mcp", "",
        "  Passwords and tokens are stored as hashes only. For new ones:",
        f"    .venv/bin/python manage.py changepassword {REVIEWER}",
        f"    .venv/bin/python manage.py issue_agent_token {AGENT}",
        "    .venv/bin/python manage.py create_agent NAME        (or create_reviewer NAME)",
        "", "  Ctrl-C stops the gateway.", RULE, "",
    ])


def _log_in(url: str, credentials: Credentials) -> list[str]:
    if not credentials.password:
        return [
            f"  Log in       {url}/   as {REVIEWER}, who existed before; a new password:",
            f"               .venv/bin/python manage.py changepassword {REVIEWER}",
        ]
    return [
        f"  Log in       {url}/",
        f"  Reviewer     {REVIEWER}",
        f"  Password     {credentials.password}",
        f"  API token    {credentials.api_token}   (REST and POST /webhook/approval)",
        "  A colleague  .venv/bin/python manage.py create_reviewer mona   (nobody decides for their own agent)",
    ]


def _agent(url: str, base: Path, credentials: Credentials) -> list[str]:
    token = credentials.agent_token
    if not token:
        return [
            f"  Agent        {AGENT}, which existed before; a new token:",
            f"               .venv/bin/python manage.py issue_agent_token {AGENT}",
        ]
    return [
        f"  Agent        {AGENT}",
        f"  Token        {token}", "",
        "  Claude Code:", "",
        f'claude mcp add --transport sse atlas {url}/mcp/sse --header "Authorization: Bearer {token}"', "",
        "  Cursor (~/.cursor/mcp.json):", "",
        _servers({"url": f"{url}/mcp/sse", "headers": {"Authorization": f"Bearer {token}"}}), "",
        "  Claude Desktop (claude_desktop_config.json; it starts a small bridge to this gateway):", "",
        _servers({
            "command": str(Path(sys.executable)),
            "args": [str(base / "manage.py"), "mcp_stdio"],
            "env": {"ATLAS_GATEWAY_URL": url, "ATLAS_AGENT_TOKEN": token},
        }),
    ]


def _servers(atlas: dict[str, object]) -> str:
    return json.dumps({"mcpServers": {"atlas": atlas}}, indent=2, ensure_ascii=False)


def _calls(url: str, played: "Sequence[Played]", not_played: str) -> list[str]:
    if not_played:
        return [f"  The example calls were not all played: {not_played}", ""]
    if not played:
        return []
    return [
        f"  Example calls of {AGENT} over MCP (SSE):",
        *(f"    {call.reference}  {call.tool:<26} {call.outcome}" for call in played),
        "",
    ]
