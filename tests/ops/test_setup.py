"""setup.sh in a folder of its own: what it writes, keeps and refuses. Docker is not started."""

import base64
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

SECRETS = [
    "ATLAS_SECRET_KEY", "ATLAS_METRICS_TOKEN", "POSTGRES_PASSWORD", "ATLAS_DB_PASSWORD", "INNGEST_DB_PASSWORD",
    "INNGEST_SIGNING_KEY", "INNGEST_EVENT_KEY",
]

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="setup.sh needs bash")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(Path(settings.BASE_DIR) / "setup.sh", tmp_path / "setup.sh")
    return tmp_path


def run_setup(folder: Path, *arguments: str, answers: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(folder / "setup.sh"), *arguments], input=answers, capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
    )


def written(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_file_is_readable_by_its_owner_only(folder):
    assert run_setup(folder, "--yes", "--no-start").returncode == 0
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600


def test_secrets_are_generated_as_hex_of_even_length_and_never_printed(folder):
    done = run_setup(folder, "--yes", "--no-start")
    values = written(folder)
    assert len({values[name] for name in SECRETS}) == len(SECRETS)
    for name in SECRETS:
        assert re.fullmatch(r"([0-9a-f]{2}){32}", values[name]), name
        assert values[name] not in done.stdout + done.stderr


def test_the_encryption_key_is_generated_as_the_gateway_wants_it_and_never_printed(folder):
    done = run_setup(folder, "--yes", "--no-start")
    key = written(folder)["ATLAS_ENCRYPTION_KEYS"]
    assert len(base64.urlsafe_b64decode(key)) == 32
    assert key not in done.stdout + done.stderr


def test_a_second_run_keeps_everything_and_makes_no_backup(folder):
    run_setup(folder, "--yes", "--no-start")
    before = (folder / ".env").read_bytes()
    assert run_setup(folder, "--yes", "--no-start", ATLAS_PUBLIC_URL="https://other.example").returncode == 0
    assert (folder / ".env").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == [".env", "setup.sh"]


def test_what_is_missing_is_added_what_is_there_stays_and_a_backup_is_made(folder):
    (folder / ".env").write_text("ATLAS_SECRET_KEY=mine\nATLAS_HOLD_SECONDS=5\n")
    run_setup(folder, "--yes", "--no-start")
    values = written(folder)
    assert values["ATLAS_SECRET_KEY"] == "mine" and values["ATLAS_HOLD_SECONDS"] == "5"
    assert values["POSTGRES_PASSWORD"]
    (backup,) = folder.glob(".env.backup-*")
    assert "ATLAS_SECRET_KEY=mine" in backup.read_text()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_values_come_from_the_environment(folder):
    run_setup(
        folder, "--yes", "--no-start", ATLAS_PUBLIC_URL="https://atlas.example.org/", ATLAS_SCORER="modal",
        MODAL_TOKEN_ID="ak-1", MODAL_TOKEN_SECRET="as-1", MODAL_FUNCTION_NAME="atlas-welfare-v1/inference",
    )
    values = written(folder)
    assert values["ATLAS_PUBLIC_URL"] == "https://atlas.example.org"
    assert values["ATLAS_SCORER"] == "modal"
    assert values["MODAL_FUNCTION_NAME"] == "atlas-welfare-v1/inference"


def test_inngest_cloud_keys_turn_the_own_server_off(folder):
    run_setup(folder, "--yes", "--no-start", INNGEST_SIGNING_KEY="signkey-prod-abcd", INNGEST_EVENT_KEY="evt")
    values = written(folder)
    assert values["ATLAS_INNGEST_REPLICAS"] == "0" and values["INNGEST_BASE_URL"] == ""


def test_an_empty_inngest_address_means_the_embedded_executor(folder):
    run_setup(folder, "--yes", "--no-start", INNGEST_BASE_URL="")
    values = written(folder)
    assert values["ATLAS_INNGEST_REPLICAS"] == "0" and values["INNGEST_SIGNING_KEY"] == ""


def test_a_copy_of_the_example_is_filled_in(folder):
    shutil.copy(Path(settings.BASE_DIR) / ".env.example", folder / ".env")
    done = run_setup(folder, "--yes", "--no-start")
    assert done.returncode == 0, done.stderr
    values = written(folder)
    assert values["ATLAS_PUBLIC_URL"] == "http://127.0.0.1:8000"
    assert all(values[name] for name in ("ATLAS_SECRET_KEY", "POSTGRES_PASSWORD", "ATLAS_DB_PASSWORD"))
    assert values["ATLAS_INNGEST_REPLICAS"] == "0"  # the example's empty INNGEST_BASE_URL: the embedded executor


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATLAS_PUBLIC_URL", "atlas.example.org"),
        ("ATLAS_PUBLIC_URL", "https://atlas.example.org/gateway"),
        ("ATLAS_PORT", "99999"),
        ("ATLAS_SCORER", "magic"),
        ("ATLAS_SCORER", "modal"),
        ("INNGEST_SIGNING_KEY", "a" * 63),
        ("INNGEST_SIGNING_KEY", "not-hex-" * 8),
        ("OPENAI_BASE_URL", "localhost:11434"),
        ("ATLAS_SECRET_KEY", "with 'quotes'"),
        ("ATLAS_ENCRYPTION_KEYS", "ab" * 32),
        ("DATABASE_URL", "postgres://u:pa$$@host/db"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_nothing_is_written(folder, name, value):
    done = run_setup(folder, "--yes", "--no-start", **{name: value})
    assert done.returncode == 1
    named = name if value != "modal" else "MODAL_TOKEN_ID"
    assert named in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (folder / ".env").exists()


def test_the_questions_are_asked_again_until_the_answer_is_right(folder):
    answers = ["", "99999", "8080", "https://atlas.example.org", "ollama", "", "", "", "self-hosted", "abc", "", ""]
    done = run_setup(folder, "--no-start", answers="\n".join(answers) + "\n")
    assert done.returncode == 0, done.stderr
    values = written(folder)
    assert values["ATLAS_PORT"] == "8080"
    assert values["ATLAS_SCORER"] == "openai"
    assert values["OPENAI_BASE_URL"] == "http://host.docker.internal:11434/v1"
    assert re.fullmatch(r"([0-9a-f]{2}){32}", values["INNGEST_SIGNING_KEY"])
    assert values["INNGEST_SIGNING_KEY"] not in done.stdout + done.stderr


def test_a_missing_docker_is_named_after_the_file_is_written(folder):
    tools = folder / "bin"
    tools.mkdir()
    needed = ["bash", "sed", "od", "head", "base64", "tr", "mktemp", "chmod", "mv", "rm", "date", "cp", "cmp"]
    for tool in [*needed, "dirname"]:
        (tools / tool).symlink_to(shutil.which(tool))
    done = run_setup(folder, "--yes", PATH=str(tools))
    assert done.returncode == 1
    assert "docker is missing" in done.stderr
    assert (folder / ".env").exists()
