"""Production refuses to start on a missing or wrong setting, with one line that names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

WHOLE = {
    "ATLAS_PRODUCTION": "1", "ATLAS_SECRET_KEY": "x" * 64, "ATLAS_ENCRYPTION_KEYS": "k" * 43 + "=",
    "ATLAS_PUBLIC_URL": "https://atlas.example.org",
}


def start(tmp_path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As `manage.py check` in a process of its own, without this checkout's .env."""
    return subprocess.run(
        [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "check"], capture_output=True, text=True,
        timeout=120, cwd=tmp_path, env={"PATH": os.environ["PATH"], **environment},
    )


@pytest.mark.skipif((Path(settings.BASE_DIR) / ".env").exists(), reason="a .env here would fill what is missing")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ATLAS_SECRET_KEY": ""}, "ATLAS_SECRET_KEY"),
        ({"ATLAS_ENCRYPTION_KEYS": ""}, "ATLAS_ENCRYPTION_KEYS"),
        ({"ATLAS_ENCRYPTION_KEYS": "ab" * 32}, "ATLAS_ENCRYPTION_KEYS"),
        ({"ATLAS_ENCRYPTION_KEYS": "k" * 43 + "=,"}, "openssl rand -base64 32"),
        ({"ATLAS_PUBLIC_URL": ""}, "ATLAS_PUBLIC_URL"),
        ({"ATLAS_PUBLIC_URL": "atlas.example.org"}, "ATLAS_PUBLIC_URL"),
        ({"ATLAS_DATA_DIR": ""}, "DATABASE_URL"),
        ({"INNGEST_BASE_URL": "http://inngest:8288"}, "INNGEST_SIGNING_KEY"),
        ({"INNGEST_SIGNING_KEY": "abc", "INNGEST_EVENT_KEY": "k"}, "INNGEST_SIGNING_KEY"),
        ({"INNGEST_EVENT_KEY": "k"}, "INNGEST_SIGNING_KEY"),
        ({"ATLAS_SCORER": "modal"}, "MODAL_TOKEN_ID"),
        ({"ATLAS_SCORER": "openai"}, "OPENAI_API_KEY"),
        ({"ATLAS_SCORER": "magic"}, "ATLAS_SCORER"),
    ],
)
def test_one_plain_line_names_the_setting(tmp_path, change, named):
    done = start(tmp_path, {**WHOLE, "ATLAS_DATA_DIR": str(tmp_path), **change})
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1 and named in done.stderr


def test_with_everything_set_it_starts(tmp_path):
    done = start(tmp_path, {**WHOLE, "ATLAS_DATA_DIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("environment", "driver"),
    [
        ({}, "embedded"),
        ({"INNGEST_SIGNING_KEY": "ab" * 32, "INNGEST_EVENT_KEY": "k"}, "embedded"),  # whose server would that be?
        ({"INNGEST_SIGNING_KEY": "ab" * 32, "INNGEST_EVENT_KEY": "k", "INNGEST_BASE_URL": "http://x:1"}, "inngest"),
        ({"INNGEST_SIGNING_KEY": "signkey-prod-abcd", "INNGEST_EVENT_KEY": "k"}, "inngest"),
    ],
)
def test_the_keys_and_the_address_say_who_drives_the_workflow(tmp_path, environment, driver):
    code = "from atlas_site import settings; print(settings.WORKFLOW_DRIVER)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], **WHOLE, "ATLAS_DATA_DIR": str(tmp_path), **environment},
    )
    assert done.stdout.strip() == driver, done.stderr


def test_processes_that_start_together_share_the_keys_they_make(tmp_path):
    code = "from atlas_site import settings; print(settings.SECRET_KEY, *settings.ENCRYPTION_KEYS)"
    environment = {"PATH": os.environ["PATH"], "ATLAS_DATA_DIR": str(tmp_path / "data"), "ATLAS_PRODUCTION": "0"}
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR, env=environment
        )
        for _ in range(4)
    ]
    (printed,) = {process.communicate(timeout=120)[0] for process in starting}
    assert len(printed.split()) == 2
    kept = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}
    assert kept == {"atlas_secret_key.secret": 0o600, "atlas_encryption_keys.secret": 0o600}
