"""Worker processes over the test's own database."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

PATIENCE = 60.0


class WorkerProcess:
    def __init__(self, effects: Path, *, crash_at: str = "", **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.governance.workflow.worker"], cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={
                **os.environ, "DATABASE_URL": database_url(), "REDIS_URL": "", "INNGEST_SIGNING_KEY": "",
                "INNGEST_EVENT_KEY": "", "INNGEST_BASE_URL": "", "ATLAS_PRODUCTION": "",
                "EFFECTS": str(effects), "CRASH_AT": crash_at, **environment,
            },
        )

    def wait_until_ready(self) -> None:
        assert self._process.stdout.readline() == "ready\n"

    def wait_until_killed(self) -> None:
        assert self._process.wait(timeout=PATIENCE) == -9

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=PATIENCE)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()


def database_url() -> str:
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"


def wait_until(holds: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found
