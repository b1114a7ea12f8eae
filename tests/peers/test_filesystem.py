"""@modelcontextprotocol/server-filesystem behind the gateway: reading runs, writing waits for a person, runs once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway import Gateway
from tests.mcp_bridge.agents import REFERENCE, connect, text_of, wait_for_status
from tests.peers.behind import add_server
from tests.peers.conftest import READS_ONLY
from tests.peers.direct import directly, said
from tests.peers.installed import needs_npm, node

pytestmark = needs_npm


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    folder = tmp_path / "files"
    folder.mkdir()
    return node("@modelcontextprotocol/server-filesystem/dist/index.js", str(folder))


async def test_an_approved_write_runs_once_and_reading_needs_nobody(
    make_gateway: Callable[..., Gateway], command: list[str], tmp_path: Path
) -> None:
    note = tmp_path / "files" / "note.txt"
    note.write_text("a")
    gateway = make_gateway(READS_ONLY, ATLAS_HOLD_SECONDS="0")
    add_server(gateway, "files", "stdio", command=command[0], args=command[1:])
    edit = {"path": str(note), "edits": [{"oldText": "a", "newText": "aa"}]}  # twice would leave aaa
    async with directly(command, tmp_path) as peer:
        expected = said(await peer.call_tool("read_text_file", {"path": str(note)}))
    async with connect(gateway.url, "http-2025", gateway.agent_token) as agent:
        assert said(await agent.call_tool("files__read_text_file", {"path": str(note)})) == expected
        pending = await agent.call_tool("files__edit_file", edit)
        assert text_of(pending).startswith("PENDING REVIEW")
        assert note.read_text() == "a"
        reference = REFERENCE.search(text_of(pending)).group()
        await wait_for_status(agent, reference, "in_review")
        assert gateway.decide(reference, "APPROVED", "It may grow.")[0] == 200
        outcome = await wait_for_status(agent, reference, "succeeded")
    assert "+aa" in text_of(outcome)
    assert note.read_text() == "aa"


async def test_a_rejected_write_never_reaches_the_server(
    make_gateway: Callable[..., Gateway], command: list[str], tmp_path: Path
) -> None:
    gateway = make_gateway(READS_ONLY, ATLAS_HOLD_SECONDS="0")
    add_server(gateway, "files", "stdio", command=command[0], args=command[1:])
    new = tmp_path / "files" / "new.txt"
    async with connect(gateway.url, "http-2025", gateway.agent_token) as agent:
        pending = await agent.call_tool("files__write_file", {"path": str(new), "content": "x"})
        reference = REFERENCE.search(text_of(pending)).group()
        await wait_for_status(agent, reference, "in_review")
        assert gateway.decide(reference, "REJECTED", "Not this one.")[0] == 200
        outcome = await wait_for_status(agent, reference, "denied")
    assert "Not this one." in text_of(outcome)
    assert not new.exists()
