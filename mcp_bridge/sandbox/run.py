"""Runs one command of the list in the sandbox folder: confined, bounded in time, memory and output, without a shell."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mcp_bridge.sandbox import Refused, confine
from mcp_bridge.sandbox.commands import COMMANDS, understand
from mcp_bridge.sandbox.files import check_readable
from mcp_bridge.sandbox.paths import Folder

SECONDS = 5.0
MAX_OUTPUT = 64 * 1024  # bytes of stdout, and as many of stderr
SEARCHED = ("/usr/bin", "/bin", "/run/current-system/sw/bin")

ENVIRONMENT = {"PATH": ":".join(SEARCHED), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
LIMITS = {
    "RLIMIT_CPU": 5,  # seconds
    "RLIMIT_AS": 512 * 1024 * 1024,
    "RLIMIT_FSIZE": 0,  # writes no file at all
    "RLIMIT_NOFILE": 64,
    "RLIMIT_CORE": 0,
}


@dataclass(frozen=True)
class Finished:
    """`exit_code` is None when the command was stopped; then `stopped` says why."""

    exit_code: int | None
    stdout: str
    stderr: str
    stopped: str = ""  # "timeout", "output", or a signal's name
    seconds: float = 0.0


def shell_exec(folder: Folder, argv: list[str]) -> Finished:
    """Raises Refused for what is not on the lists, and when the command cannot be started."""
    line = understand(argv)
    for parts in line.files:
        check_readable(folder, parts)
    for parts in line.there:
        folder.status(parts)
    limits = LIMITS if COMMANDS[line.name].threads else {**LIMITS, "RLIMIT_NPROC": 0}
    return run(folder, find(line.name), [line.name, *line.arguments], limits)


def find(name: str) -> str:
    for directory in SEARCHED:
        program = f"{directory}/{name}"
        if os.access(program, os.X_OK):
            return program
    raise Refused(f"{name} is not installed on this machine. Use another command.")


def run(
    folder: Folder, program: str, argv: list[str], limits: dict[str, int], *, seconds: float = SECONDS
) -> Finished:
    """Runs `program` with exactly these arguments (the first is its name). It does not check them."""
    started = time.monotonic()
    launcher = [sys.executable, "-I", "-S", str(Path(confine.__file__)), str(folder.fd), json.dumps(limits), program]
    with subprocess.Popen(
        [*launcher, *argv],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", env=ENVIRONMENT,
        pass_fds=[folder.fd], start_new_session=True,
    ) as process:
        try:
            out, err, stopped = _collect(process, started + seconds)
        except BaseException:
            _kill_group(process)
            raise
        if stopped:
            _kill_group(process)
    return _finished(process.returncode, out, err, stopped, time.monotonic() - started)


def _collect(process: subprocess.Popen[bytes], until: float) -> tuple[bytes, bytes, str]:
    """What it wrote until it ended or had to be stopped, and why it had to be."""
    parts: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
    stopped = ""
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ, "out")
        waiting.register(process.stderr, selectors.EVENT_READ, "err")
        while waiting.get_map() and not stopped:
            ready = waiting.select(max(0.0, until - time.monotonic()))
            if not ready:
                stopped = "timeout"
            for key, _ in ready:
                chunk = os.read(key.fd, 65536)
                parts[key.data] += chunk
                if not chunk:
                    waiting.unregister(key.fileobj)
                elif len(parts[key.data]) > MAX_OUTPUT:
                    stopped = "output"
    if not stopped:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:  # it closed its output and went on
            stopped = "timeout"
    return bytes(parts["out"][:MAX_OUTPUT]), bytes(parts["err"][:MAX_OUTPUT]), stopped


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:  # waited for: the number of its group may be somebody else's by now
        return
    # macOS refuses to signal a group whose processes have all ended.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _finished(code: int, out: bytes, err: bytes, stopped: str, seconds: float) -> Finished:
    stdout, stderr = out.decode(errors="replace"), err.decode(errors="replace")
    if code == confine.FAILED and not stopped:
        raise Refused(f"Nothing was run: {stderr.strip()[:300]}. Tell the person who runs this server.")
    if code < 0 and not stopped:
        stopped = signal.Signals(-code).name
    return Finished(None if stopped else code, stdout, stderr, stopped, round(seconds, 3))
