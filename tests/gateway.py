"""A real gateway in its own process, with its own database, for tests over the wire.

    gateway = start_gateway(tmp_path)                     # daphne; or server="uvicorn"
    gateway.url, gateway.agent_token, gateway.api_token   # all there is to know
    gateway.stop(); gateway.kill(); gateway.start()       # the port and the database stay

The database is SQLite in `tmp_path`, or a new one beside DATABASE_URL when that names a PostgreSQL server. It is copied
from one that was migrated once per test run, so a start costs only the process.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import dj_database_url
import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 40.0

_PREPARE = """
import json, sys, django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from governance import actions
agent, token = actions.create_agent("demo-agent")
user, password, api_token = actions.create_reviewer("sarah")
print(json.dumps({
    "agent_id": agent.pk, "agent_token": token, "reviewer": user.username, "password": password, "api_token": api_token,
}))
"""


def clean_env(**extra: str) -> dict[str, str]:
    """The environment of a gateway: this one's without anything that would configure it."""
    ours = ("ATLAS_", "INNGEST_", "MODAL_", "OPENAI_", "DATABASE_URL", "REDIS_URL", "PYTEST_", "DJANGO_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**env, "DJANGO_SETTINGS_MODULE": "atlas_site.settings", "PYTHONWARNINGS": "ignore", **extra}


def run_python(code: str, env: dict[str, str], timeout: float = 90) -> str:
    """What a Python process of the project prints; raises with its stderr when it fails."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- databases ---------------------------------------------------------------------------------


def _server_url() -> str:
    """The PostgreSQL server of this test run; empty on SQLite."""
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith("postgres") else ""


def _on_server(statement: str, **names: str) -> None:
    config = dj_database_url.parse(_server_url())
    with psycopg.connect(
        host=config["HOST"] or None, port=config["PORT"] or None, user=config["USER"] or None,
        password=config["PASSWORD"] or None, dbname="postgres", autocommit=True,
    ) as connection:
        connection.execute(sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()}))


def _url_of(name: str) -> str:
    head, _, tail = _server_url().rpartition("/")
    _, mark, options = tail.partition("?")
    return f"{head}/{name}{mark}{options}"


def drop_database(name: str) -> None:
    _on_server("DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)


@cache
def _template() -> tuple[str, dict[str, Any]]:
    """A migrated database with an agent and a reviewer (a folder, or a database's name), and their credentials."""
    folder = tempfile.mkdtemp(prefix="atlas-template-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    env = clean_env(ATLAS_DATA_DIR=folder)
    if not _server_url():
        return folder, json.loads(run_python(_PREPARE, env))
    name = f"atlas_template_{uuid.uuid4().hex[:12]}"
    _on_server("CREATE DATABASE {name}", name=name)
    atexit.register(drop_database, name)
    return name, json.loads(run_python(_PREPARE, {**env, "DATABASE_URL": _url_of(name)}))


def new_database(folder: Path) -> tuple[dict[str, str], dict[str, Any], str]:
    """Environment and credentials of a fresh copy; the database's name when it must be dropped."""
    source, credentials = _template()
    folder.mkdir(parents=True, exist_ok=True)
    env = {"ATLAS_DATA_DIR": str(folder)}
    if not _server_url():
        shutil.copytree(source, folder, dirs_exist_ok=True)
        return env, credentials, ""
    name = f"atlas_gw_{uuid.uuid4().hex[:12]}"
    _on_server("CREATE DATABASE {name} TEMPLATE {source}", name=name, source=source)
    return {**env, "DATABASE_URL": _url_of(name)}, credentials, name


# -- the process -------------------------------------------------------------------------------


def reserve_port() -> socket.socket:
    """A free port of 127.0.0.1 that stays this test's own until the socket is closed.

    Bound and not listening: connections are refused, SO_REUSEADDR lets a server listen there, once and again, and the
    kernel gives the port to nobody else, not even while the server is down.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


@dataclass
class Gateway:
    """A running gateway; `credentials` as printed by create_agent and create_reviewer."""

    folder: Path
    server: str
    env: dict[str, str]
    credentials: dict[str, Any]
    database: str = ""
    holder: socket.socket = field(default_factory=reserve_port, repr=False)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    application: str = "atlas_site.asgi:application"

    @property
    def port(self) -> int:
        return self.holder.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def agent_token(self) -> str:
        return self.credentials["agent_token"]

    @property
    def api_token(self) -> str:
        return self.credentials["api_token"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.agent_token}"}

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Starts the server, always on the same port, and waits until it answers."""
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            listener.set_inheritable(True)
            number = listener.fileno()
            command = {
                "daphne": ["daphne", "--fd", str(number), "--no-server-name", self.application],
                "uvicorn": ["tests.serve_uvicorn", str(number), self.application],
            }[self.server]
            env = {**self.env, "ATLAS_PUBLIC_URL": self.env.get("ATLAS_PUBLIC_URL", self.url)}
            with (self.folder / "server.log").open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", *command], env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, pass_fds=[number],
                )
        self.wait_until_live()

    def wait_until_live(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self.process.poll() is None, f"the gateway ended at once:\n{self.log}"
            try:
                with urllib.request.urlopen(f"{self.url}/health/live", timeout=START_SECONDS) as response:
                    assert response.status == 200
                    return
            except OSError as error:
                assert time.monotonic() < deadline, f"the gateway does not answer: {error}\n{self.log}"

    def stop(self, number: int = signal.SIGTERM, timeout: float = 15.0) -> float:
        """Asks the server to end; the seconds it took. Fails when it does not obey."""
        begun = time.monotonic()
        self.process.send_signal(number)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the gateway did not end within {timeout} s:\n{self.log}") from None
        return time.monotonic() - begun

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        """Ends whatever still runs and drops the database."""
        if self.process and self.process.poll() is None:
            self.kill()
        self.holder.close()
        if self.database:
            drop_database(self.database)

    def python(self, code: str) -> str:
        """Runs code against the gateway's database, in another process; what it prints."""
        return run_python(f"import django; django.setup()\n{code}", {**self.env, "ATLAS_RUN_WORKERS": "0"})

    def decide(self, reference: str, decision: str, reason: str = "") -> tuple[int, dict[str, Any]]:
        """Decides as the reviewer through the webhook: status code and body."""
        return self.post(
            "/webhook/approval", {"event_id": reference, "decision": decision, "reason": reason},
            {"Authorization": f"Bearer {self.api_token}"},
        )

    def post(self, path: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"{}")


def start_gateway(folder: Path, server: str = "daphne", env: dict[str, str] | None = None) -> Gateway:
    """A gateway that answers. Its owner calls `close()` in the end."""
    database_env, credentials, database = new_database(folder)
    gateway = Gateway(
        folder=folder, server=server, env=clean_env(**database_env, **(env or {})), credentials=credentials,
        database=database,
    )
    try:
        gateway.start()
    except BaseException:
        gateway.close()
        raise
    return gateway
