"""Programs that the tests run against and that are no part of the gateway's own environment: from npm and from PyPI.

    node("@modelcontextprotocol/server-everything/dist/index.js", "stdio")   # a command line
    pypi("mcp-server-git", "--repository", path)

Installed once per lock file below the user's cache folder (XDG_CACHE_HOME), exactly what the lock names, by its hashes.
Two test runs at once wait for one another.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
NPM_LOCK = TESTS / "conformance" / "package-lock.json"
PYPI_LOCK = TESTS / "peers" / "requirements.txt"
INSTALL_SECONDS = 300
NODE_MAJOR = 22  # the conformance suite uses fs.globSync

needs_npm = pytest.mark.skipif(
    not (shutil.which("npm") and shutil.which("node")),
    reason="npm is not installed (Debian's package: npm); it installs what tests/conformance/package-lock.json names",
)


def node(script: str, *arguments: str) -> list[str]:
    """The command that runs a script of an npm package, by its path below node_modules, in Node 22."""
    return [_node(), str(npm_packages() / script), *arguments]


def pypi(script: str, *arguments: str) -> list[str]:
    """The command that runs a console script of a package from PyPI."""
    return [str(_pypi_packages() / "bin" / script), *arguments]


@cache
def npm_packages() -> Path:
    """node_modules, as the lock file says."""

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(NPM_LOCK.parent / name, folder)
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)

    return _once("npm", NPM_LOCK, install) / "node_modules"


@cache
def _pypi_packages() -> Path:
    """A virtual environment, as the lock file says."""

    def install(folder: Path) -> None:
        uv = [sys.executable, "-m", "uv"]
        _run([*uv, "venv", "--quiet", "--python", sys.executable, "--clear", str(folder)], TESTS)
        target = ["--python", str(folder / "bin" / "python")]
        _run([*uv, "pip", "install", "--quiet", "--require-hashes", *target, "-r", str(PYPI_LOCK)], TESTS)

    return _once(f"pypi-{sys.version_info.major}.{sys.version_info.minor}", PYPI_LOCK, install)


@cache
def _node() -> str:
    """Node 22: the one that the lock file brings for Linux, else the machine's own when it is new enough."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    brought = npm_packages() / f"node-linux-{machine}" / "bin" / "node"
    if sys.platform == "linux" and brought.exists():
        return str(brought)
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    assert int(version.removeprefix("v").partition(".")[0]) >= NODE_MAJOR, f"Node {NODE_MAJOR} is needed, not {version}"
    return shutil.which("node") or "node"


def _once(kind: str, lock: Path, install: Callable[[Path], None]) -> Path:
    """The folder that `install` filled for exactly this lock file, by this process or an earlier one."""
    key = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atlas-tests" / f"{kind}-{key}"
    complete = folder / ".complete"
    with _alone(folder.with_name(f"{folder.name}.lock")):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            install(folder)
            complete.touch()
    return folder


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # the end of the process frees it too
        yield


def _run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
