"""`manage.py run` as a process: the first run, its end by Ctrl-C, and the runs after it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import gateway

END = "─" * 78
READY_SECONDS = 120
STATUSES = {
    ("check_payment_status", "succeeded"),
    ("request_payment_extension", "in_review"),
    ("check_payment_status", "failed"),
    ("sandbox__fs_read", "succeeded"),
    ("sandbox__fs_write", "in_review"),
    ("sandbox__shell_exec", "denied"),
}


class Installation:
    """A data folder (or an empty PostgreSQL database) and the processes that run on it, one after another."""

    def __init__(self, folder: Path, static: Path) -> None:
        self.holder = gateway.reserve_port()
        self.port = self.holder.getsockname()[1]
        self.folder, self.database, extra = folder, "", {}
        if gateway._server_url():
            self.database = f"atlas_run_{uuid.uuid4().hex[:12]}"
            gateway._on_server("CREATE DATABASE {name}", name=self.database)
            extra = {"DATABASE_URL": gateway._url_of(self.database)}
        self.env = gateway.clean_env(
            ATLAS_DATA_DIR=str(folder), ATLAS_STATIC_ROOT=str(static), ATLAS_PORT=str(self.port), **extra
        )
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> str:
        """What it printed until it was ready."""
        with (self.folder / "stderr.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"], cwd=gateway.ROOT, env=self.env, text=True,
                stdout=subprocess.PIPE, stderr=log,
            )
        too_late = threading.Timer(READY_SECONDS, self.process.kill)
        too_late.start()
        try:
            lines, rules = [], 0
            for line in self.process.stdout:
                lines.append(line)
                rules += line.rstrip() == END
                if rules == 3:
                    return "".join(lines)
        finally:
            too_late.cancel()
        raise AssertionError("".join(lines) + self.log)

    @property
    def log(self) -> str:
        return (self.folder / "stderr.log").read_text()

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(15)
        finally:
            self.process.stdout.close()

    def requests(self, api_token: str) -> list[dict[str, Any]]:
        call = urllib.request.Request(f"{self.url}/api/requests", headers={"Authorization": f"Bearer {api_token}"})
        with urllib.request.urlopen(call, timeout=30) as response:
            return json.load(response)["results"]

    def rows(self, expression: str) -> Any:
        code = "import django, json; django.setup()\nfrom governance.models import *\nfrom mcp_bridge.models import *\n"
        return json.loads(gateway.run_python(f"{code}print(json.dumps({expression}))", self.env))

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.holder.close()
        if self.database:
            gateway.drop_database(self.database)


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("static")


@pytest.fixture
def installation(tmp_path: Path, static: Path) -> Iterator[Installation]:
    made = Installation(tmp_path, static)
    yield made
    made.close()


def secrets_in(text: str) -> dict[str, str]:
    return {
        "password": re.search(r"Password +(\S+)", text)[1],
        "api_token": re.search(r"atlas_rev_\S+", text)[0],
        "agent_token": re.search(r"Token +(atlas_agt_\S+)", text)[1],
    }


def test_the_first_run_shows_its_secrets_once_and_keeps_everything(installation):
    first = installation.start()
    secrets = secrets_in(first)
    assert {(row["tool"], row["status"]) for row in installation.requests(secrets["api_token"])} == STATUSES
    assert first.count(secrets["password"]) == 1
    log = (installation.folder / "stderr.log").read_text()
    assert log.count("tool server default/sandbox is open") == 1  # once, in the server's own loop
    assert f'claude mcp add --transport sse atlas {installation.url}/mcp/sse --header "Authorization: Bearer ' in first
    assert installation.interrupt() == 0

    second = installation.start()
    assert not [name for name, secret in secrets.items() if secret in second]
    assert "atlas_agt_" not in second
    assert "changepassword sarah" in second
    assert "2 waiting for a decision" in second
    assert len(installation.requests(secrets["api_token"])) == len(STATUSES)
    assert installation.interrupt() == 0

    assert not [name for name, secret in secrets.items() if secret in installation.log]
    kept = b"".join(path.read_bytes() for path in installation.folder.rglob("*") if path.is_file())
    assert not [name for name, secret in secrets.items() if secret.encode() in kept]


def test_ctrl_c_ends_it_with_agents_connected_and_a_call_held(installation):
    secrets = secrets_in(installation.start())
    agent = f"""
import asyncio, sys
from mcp_bridge.demo import connected
async def hold():
    async with connected({installation.url!r}, {secrets["agent_token"]!r}) as session:
        call = asyncio.create_task(session.call_tool(
            "request_extension", {{"beneficiary_id": "BEN-140", "reason": "Held while the gateway stops"}}))
        while not call.done():
            status = await session.call_tool("check_status", {{}})
            if any(row["tool"] == "request_extension" for row in status.structured_content["open_requests"]):
                print("held", flush=True)
                await call
try:
    asyncio.run(hold())
except BaseException as error:
    sys.exit(0)
"""
    env = {**installation.env, "DJANGO_SETTINGS_MODULE": "atlas_site.settings"}
    with subprocess.Popen(
        [sys.executable, "-c", agent], cwd=gateway.ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as client:
        try:
            assert client.stdout.readline() == "held\n"
            assert installation.interrupt() == 0
        finally:
            client.kill()
    open_tools = "sorted(GovernanceRequest.objects.open().values_list('tool__name', flat=True))"
    assert installation.rows(open_tools) == ["fs_write", "request_extension", "request_payment_extension"]


def test_a_run_that_was_killed_before_it_showed_its_secrets_makes_new_ones(installation):
    """kill -9 between making the accounts and showing them: as if the process had ended there."""
    code = (
        "import django, os; django.setup()\n"
        "from django.core.management import call_command; call_command('migrate', verbosity=0)\n"
        "from mcp_bridge.running.first_run import prepare_credentials\n"
        "print(prepare_credentials().agent_token, flush=True); os._exit(0)"
    )
    lost = gateway.run_python(code, installation.env).strip()
    secrets = secrets_in(installation.start())
    assert secrets["agent_token"] != lost
    assert len(installation.requests(secrets["api_token"])) == len(STATUSES)
    assert installation.interrupt() == 0
    assert installation.rows("AgentToken.objects.filter(revoked_at=None).count()") == 1
    assert installation.rows(f"User.objects.get().check_password({secrets['password']!r})") is True


def test_a_kill_in_the_middle_of_the_set_up_is_mended_by_the_next_run(installation):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run"], cwd=gateway.ROOT, env=installation.env, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().startswith("Setting up the database")
    process.kill()
    process.wait(10)
    process.stdout.close()
    secrets = secrets_in(installation.start())
    assert len(installation.requests(secrets["api_token"])) == len(STATUSES)


def test_a_taken_port_is_one_plain_line_that_says_what_to_do(tmp_path, static):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = gateway.clean_env(ATLAS_DATA_DIR=str(tmp_path), ATLAS_STATIC_ROOT=str(static), ATLAS_PORT=str(port))
        done = subprocess.run(
            [sys.executable, "manage.py", "run"], cwd=gateway.ROOT, env=env, capture_output=True, text=True, timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: Cannot listen on 127.0.0.1:{port}: Address already in use. Stop what uses that address, or choose "
        "another one: ATLAS_PORT=8001 make run\n"
    )
    assert not os.path.exists(tmp_path / "atlas.sqlite3")
