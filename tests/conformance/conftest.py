"""The server that the suite calls, and the gateway in front of it."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.with_token import TokenProxy
from tests.gateway import ROOT, Gateway, clean_env, start_gateway
from tests.peers.behind import activate, add_server

# Jobs wait for a person, as the tasks scenarios need something to wait for; the rest is passed on at once.
POLICY = """
version: 1
rules:
  - name: jobs
    effect: review
    when:
      tool: [slow_compute, failing_job, protocol_error_job, confirm_delete, multi_input]
  - name: everything-else
    effect: allow
    when:
      tool: "*"
"""


@pytest.fixture(scope="module", params=["2025-11-25", "2026-07-28"])
def revision(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def everything(revision: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of tests/conformance/everything, a server of this revision, running in a process of its own."""
    log = tmp_path_factory.mktemp("everything") / "server.log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        listener.set_inheritable(True)
        port, number = listener.getsockname()[1], listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.everything", str(number), revision], cwd=ROOT, env=clean_env(),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=[number],
        )
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="module")
def gateway(everything: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway in front of it that agents see as if it were the server: the same names, everything passed on."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    running = start_gateway(folder, env={"ATLAS_HOLD_SECONDS": "1"})
    try:
        add_server(
            running, "everything", "http", plain_names=True, url=everything, allowed_resources="*",
            allowed_prompts="*",
        )
        activate(running, POLICY)
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def address(gateway: Gateway) -> Iterator[str]:
    """The gateway as the suite can reach it: without a token."""
    with TokenProxy("127.0.0.1", gateway.port, gateway.agent_token) as proxy:
        yield f"{proxy.url}/mcp"
