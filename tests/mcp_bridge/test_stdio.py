"""MCP on stdin and stdout: the gateway in the process, and the thin bridge to a running one."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.gateway import ROOT, Gateway, clean_env, drop_database, new_database
from tests.mcp_bridge.agents import Held, text_of, wait_for_status

COMMAND = ["manage.py", "mcp_stdio"]
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}


@asynccontextmanager
async def connect(env: dict[str, str], era: str) -> AsyncIterator[Client]:
    parameters = StdioServerParameters(command=sys.executable, args=COMMAND, env=env, cwd=str(ROOT))
    async with Client(stdio_client(parameters), mode="auto" if era == "2026" else "legacy") as client:
        yield client


def run(env: dict[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *COMMAND], env=env, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=60,
        check=False,
    )


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an installation with an agent, whose token it carries."""
    env, credentials, database = new_database(tmp_path / "stdio")
    yield clean_env(**env, ATLAS_AGENT_TOKEN=credentials["agent_token"], ATLAS_HOLD_SECONDS="15")
    if database:
        drop_database(database)


@pytest.mark.parametrize("era", ["2025", "2026"])
async def test_a_call_on_stdio_comes_back_as_the_real_result(prepared: dict[str, str], era: str) -> None:
    async with connect(prepared, era) as agent:
        assert "request_extension" in [tool.name for tool in (await agent.list_tools()).tools]
        result = await agent.call_tool("check_payment_status", {"beneficiary_id": "BEN-123"})
        status = await agent.call_tool("check_status", {})
    assert "Ada Obi" in text_of(result)
    assert status.structured_content["agent"] == "demo-agent"


async def test_a_fresh_installation_needs_no_token_and_no_other_command(tmp_path: Path) -> None:
    env = clean_env(ATLAS_DATA_DIR=str(tmp_path))
    async with connect(env, "2025") as agent:
        result = await agent.call_tool("check_payment_status", {"beneficiary_id": "BEN-123"})
        status = await agent.call_tool("check_status", {})
    assert "Ada Obi" in text_of(result)
    assert status.structured_content["agent"] == "stdio"


def test_only_json_rpc_goes_to_stdout_and_closing_stdin_ends_it(prepared: dict[str, str]) -> None:
    done = run({**prepared, "ATLAS_LOG_LEVEL": "DEBUG"}, stdin=json.dumps(INITIALIZE) + "\n")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1]


def test_a_wrong_token_is_refused_in_one_line(prepared: dict[str, str]) -> None:
    done = run({**prepared, "ATLAS_AGENT_TOKEN": "atlas_agt_nonsense"})
    assert done.returncode == 1
    assert "ATLAS_AGENT_TOKEN is not the token of an agent" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("era", ["2025", "2026"])
async def test_the_bridge_passes_progress_and_decisions_on(gateway: Gateway, era: str) -> None:
    env = clean_env(ATLAS_GATEWAY_URL=gateway.url, ATLAS_AGENT_TOKEN=gateway.agent_token)
    async with connect(env, era) as agent:
        held = Held(agent, "request_payment_extension", {"beneficiary_id": "BEN-123", "reason": uuid4().hex})
        reference = await held.reference()
        await wait_for_status(agent, reference, "in_review")
        await asyncio.to_thread(gateway.decide, reference, "APPROVED")
        result = await held.result()
    assert result.meta["atlas/reference"] == reference
    assert not result.is_error


def test_the_bridge_ends_with_stdin(gateway: Gateway) -> None:
    env = clean_env(ATLAS_GATEWAY_URL=f"{gateway.url}/mcp", ATLAS_AGENT_TOKEN=gateway.agent_token)
    assert run(env).returncode == 0


def test_the_bridge_says_when_the_gateway_refuses_the_token(gateway: Gateway) -> None:
    done = run(clean_env(ATLAS_GATEWAY_URL=gateway.url, ATLAS_AGENT_TOKEN="atlas_agt_nonsense"))
    assert done.returncode == 1
    assert "answered 401" in done.stderr
    assert done.stdout == ""


def test_the_bridge_ends_when_the_gateway_goes_away(make_gateway: object) -> None:
    gateway = make_gateway()
    env = clean_env(ATLAS_GATEWAY_URL=gateway.url, ATLAS_AGENT_TOKEN=gateway.agent_token)
    bridge = subprocess.Popen(
        [sys.executable, *COMMAND], env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )
    with bridge:
        bridge.stdin.write(json.dumps(INITIALIZE) + "\n")
        bridge.stdin.flush()
        assert json.loads(bridge.stdout.readline())["id"] == 1
        gateway.kill()
        assert bridge.wait(20) == 1  # stdin is still open
        assert "closed the connection" in bridge.stderr.read()
