"""Who this process is, and whether another one that left its name on a lease is certainly dead."""

import os
import secrets
import socket
from functools import cache
from pathlib import Path

_boot = secrets.token_hex(4)


@cache
def _host() -> str:
    """The host and, on Linux, the pid namespace: a pid means something only inside it."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
    except OSError:
        namespace = boot = ""
    return f"{socket.gethostname()[:60]}/{boot}/{namespace}"


def identity() -> str:
    """`host|pid|random`: unique for every start of every process. At most 200 characters."""
    return f"{_host()}|{os.getpid()}|{_boot}"


def is_dead(owner: str) -> bool:
    """True only when the owner ran on this host and its pid is gone. False means: wait for the lease."""
    host, _, rest = owner.partition("|")
    pid, _, boot = rest.partition("|")
    if host != _host() or not pid.isdigit():
        return False
    if int(pid) == os.getpid():
        return boot != _boot
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
