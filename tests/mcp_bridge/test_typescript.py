"""The TypeScript SDK's client, once, over both transports. Needs node and npm; skipped where they are missing."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway import Gateway

SOURCE = Path(__file__).parent / "typescript"


@pytest.mark.skipif(not (shutil.which("npm") and shutil.which("node")), reason="node and npm are not installed")
def test_the_typescript_client_lists_and_calls(make_gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    folder = tmp_path / "client"
    shutil.copytree(SOURCE, folder)
    installed = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, timeout=180, check=False
    )
    assert installed.returncode == 0, installed.stderr
    gateway = make_gateway()
    done = subprocess.run(
        ["node", "client.mjs", gateway.url, gateway.agent_token], cwd=folder, capture_output=True, text=True,
        timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["transport"] for answer in answers] == ["http", "sse"]
    for answer in answers:
        assert "request_extension" in answer["tools"]
        assert "Ada Obi" in answer["result"]["content"][0]["text"]
