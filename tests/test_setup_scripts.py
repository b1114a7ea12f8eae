""".ci/venv.sh and the Makefile, with a Python that is missing something."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ["sh", "cat", "cksum", "dirname", "rm", "make", "awk"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A project folder and, in bin/, the only programs that its scripts find."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "venv.sh", tmp_path / ".ci")
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").write_text("django==0 --hash=sha256:0\n")
    return tmp_path


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def setup(clone: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / ".ci" / "venv.sh", "requirements.txt"], env={"PATH": str(clone / "bin")}, capture_output=True,
        text=True, timeout=60, check=False,
    )


def test_an_old_python_is_named_with_the_package_to_install(clone):
    program(clone / "bin" / "python3", 'case $1 in --version) echo "Python 3.9.2";; *) exit 1;; esac')
    done = setup(clone)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "Python 3.9.2" in done.stderr
    assert "apt install python3 python3-venv" in done.stderr


def test_no_python_at_all_says_the_same(clone):
    done = setup(clone)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr


def test_a_python_without_ensurepip_is_named_with_the_package_to_install(clone):
    program(clone / "bin" / "python3", 'case $2 in *ensurepip*) exit 1;; esac')
    done = setup(clone)
    assert done.returncode == 1
    assert "venv and ensurepip are missing" in done.stderr
    assert "apt install python3-venv" in done.stderr


@pytest.fixture
def with_python(clone: Path) -> Path:
    """A Python whose venv has a pip that writes down what it is asked; `fail` makes it fail."""
    log = clone / "pip.log"
    pip = f'case "$*" in "-m pip install"*) echo "$*" >>{log}; [ ! -e {clone}/fail ];; esac'
    program(clone / "inner", pip)
    mkdir, cp = shutil.which("mkdir"), shutil.which("cp")
    make = f'case "$*" in "-m venv"*) {mkdir} -p .venv/bin && {cp} {clone}/inner .venv/bin/python;; esac'
    program(clone / "bin" / "python3", make)
    return clone


def installs(clone: Path) -> list[str]:
    log = clone / "pip.log"
    return log.read_text().splitlines() if log.exists() else []


def test_requirements_are_installed_with_their_hashes_checked_and_only_once(with_python):
    assert [setup(with_python).returncode for _ in range(2)] == [0, 0]
    assert len(installs(with_python)) == 1
    assert "--require-hashes -r requirements.txt" in installs(with_python)[0]


def test_changed_requirements_are_installed_again(with_python):
    setup(with_python)
    (with_python / "requirements.txt").write_text("django==1 --hash=sha256:1\n")
    assert setup(with_python).returncode == 0
    assert len(installs(with_python)) == 2


def test_a_failed_installation_is_tried_again(with_python):
    (with_python / "fail").touch()
    assert setup(with_python).returncode != 0
    os.remove(with_python / "fail")
    assert setup(with_python).returncode == 0
    assert len(installs(with_python)) == 2


def test_a_half_made_environment_is_made_again(with_python):
    program(with_python / ".venv" / "bin" / "python", "exit 1")
    assert setup(with_python).returncode == 0
    assert len(installs(with_python)) == 1


def test_make_alone_lists_every_target_with_a_line(clone):
    done = subprocess.run(
        ["make"], cwd=clone, env={"PATH": str(clone / "bin")}, capture_output=True, text=True, timeout=30, check=True
    )
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    phony = next(line for line in (clone / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    assert listed == set(phony.split()[1:])
    assert {"run", "test"} <= listed
    assert len(listed) <= 15
