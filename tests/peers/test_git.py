"""mcp-server-git behind the gateway: a stdio server of the newer protocol era with a program of its own behind it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway import Gateway
from tests.mcp_bridge.agents import REFERENCE, connect, text_of, wait_for_status
from tests.peers.behind import add_server
from tests.peers.conftest import READS_ONLY
from tests.peers.direct import directly, said
from tests.peers.installed import pypi


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    for line in ("init -q", "config user.name Ada", "config user.email ada@example.com"):
        subprocess.run(["git", *line.split()], cwd=folder, check=True)
    (folder / "a.txt").write_text("one\n")
    subprocess.run(["git", "add", "a.txt"], cwd=folder, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "First"], cwd=folder, check=True)
    return folder


async def test_the_log_is_read_at_once_and_a_commit_waits(
    make_gateway: Callable[..., Gateway], repository: Path, tmp_path: Path
) -> None:
    command = pypi("mcp-server-git", "--repository", str(repository))
    here = {"repo_path": str(repository)}
    gateway = make_gateway(READS_ONLY, ATLAS_HOLD_SECONDS="0")
    add_server(gateway, "git", "stdio", command=command[0], args=command[1:])
    async with directly(command, tmp_path) as peer:
        expected = said(await peer.call_tool("git_log", here))
    (repository / "a.txt").write_text("two\n")
    subprocess.run(["git", "add", "a.txt"], cwd=repository, check=True)
    async with connect(gateway.url, "http-2026", gateway.agent_token) as agent:
        assert said(await agent.call_tool("git__git_log", here)) == expected
        pending = await agent.call_tool("git__git_commit", {**here, "message": "Second"})
        assert _subjects(repository) == ["First"]
        reference = REFERENCE.search(text_of(pending)).group()
        await wait_for_status(agent, reference, "in_review")
        assert gateway.decide(reference, "APPROVED", "Reviewed.")[0] == 200
        await wait_for_status(agent, reference, "succeeded")
    assert _subjects(repository) == ["Second", "First"]


def _subjects(repository: Path) -> list[str]:
    done = subprocess.run(
        ["git", "log", "--format=%s"], cwd=repository, capture_output=True, text=True, check=True
    )
    return done.stdout.split()
