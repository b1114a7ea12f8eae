"""Runs one program and outlives neither it nor the gateway. Started by stdio.py as a process of its own.

    python -I -S guard.py LIFELINE MEMORY_BYTES COMMAND [ARGUMENT ...]

LIFELINE is the reading end of a pipe whose other end only the gateway holds: when the gateway ends, even by SIGKILL,
the pipe ends too, and with it the program and everything in its process group. That also reaches what a launcher
(npx, uvx) started, which a death signal for one process would not. It is a process of its own, because what has to be
set between fork and exec cannot be set safely in a process with threads. Imports nothing but the standard library.
"""

import contextlib
import os
import resource
import select
import signal
import sys
import time

GRACE_SECONDS = 2.0
OPEN_FILES = 4096
NOT_FOUND = 127


def main() -> int:
    lifeline, memory, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    os.set_inheritable(lifeline, False)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        become(command, memory, parent)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)  # else the gateway would not see the end of the program's output
    os.dup2(nothing, 1)
    return watch(child, lifeline, woken)


def watch(child: int, lifeline: int, woken: int) -> int:
    """Until the program has ended; the exit code to pass on."""
    deadline = None
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            kill(child, signal.SIGKILL)  # what it left behind
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        left = None if deadline is None else max(deadline - time.monotonic(), 0)
        if left == 0:
            kill(child, signal.SIGKILL)
            left = None
        ready, _, _ = select.select([woken] if deadline else [lifeline, woken], [], [], left)
        told = os.read(woken, 64) if woken in ready else b""
        if deadline is None and (lifeline in ready or set(told) & {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}):
            kill(child, signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS


def kill(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def become(command: list[str], memory: int, parent: int) -> None:
    """In the child: the program, in a group of its own, within its limits."""
    try:
        os.setsid()
        die_with(parent)
        lower(resource.RLIMIT_CORE, 0)
        lower(resource.RLIMIT_NOFILE, OPEN_FILES)
        if memory:
            lower(resource.RLIMIT_AS, memory)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would pass that on
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(command[0], command, os.environ)  # noqa: S606  an administrator named the program
    except OSError as error:
        os.write(2, f"{command[0]} cannot be run: {error.strerror}\n".encode())
    finally:
        os._exit(NOT_FOUND)


def lower(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (limit, limit))


def die_with(parent: int) -> None:
    """On Linux the program also ends when this guard is killed."""
    if sys.platform != "linux":
        return
    import ctypes  # here, because only the child on Linux needs it

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(NOT_FOUND)


if __name__ == "__main__":
    sys.exit(main())
