"""Gives up what a command must not have, then becomes it: confine.py FOLDER_FD LIMITS PROGRAM NAME ARGUMENT...

A process of its own instead of subprocess's `preexec_fn`, which is not safe beside threads. LIMITS is a JSON object of
rlimit names. When something cannot be given up nothing runs: status 125 and a line on stderr. Only Landlock may be
missing (it is Linux alone, and not in every kernel); without it the checks of the paths before the start stand alone.
"""

import ctypes
import json
import os
import resource
import signal
import sys

FAILED = 125

# Where programs and their libraries stand. Beside the sandbox folder it is all that a command can open.
PROGRAM_FOLDERS = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/nix/store")

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, the same on every architecture
_EXECUTE, _READ_FILE, _READ_FOLDER = 1, 4, 8
_PATH_BENEATH = 1
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def landlock_version() -> int:
    """The version of Landlock in this kernel; 0 without it."""
    if sys.platform != "linux":
        return 0
    return max(0, _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def main(folder: int, limits: dict[str, int], program: str, name: str, *arguments: str) -> None:
    os.fchdir(folder)
    for limit, value in limits.items():
        _limit(getattr(resource, limit), value)
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # it ends with the server, whatever that dies of
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if version := landlock_version():
        _only_read(folder, version)
    os.set_inheritable(folder, False)
    os.execv(program, [name, *arguments])  # noqa: S606


def _limit(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(limit, (value, value))
    except (ValueError, OSError):
        # macOS refuses to bound the address space.
        if not (sys.platform == "darwin" and limit == resource.RLIMIT_AS):
            raise


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), what)
    return result


def _prctl(option: int, value: int) -> None:
    none = ctypes.c_ulong(0)
    _checked(_libc().prctl(option, ctypes.c_ulong(value), none, none, none), f"prctl({option})")


def _only_read(folder: int, version: int) -> None:
    """From here on the process and its children read the sandbox, read and run programs, and nothing else."""
    handled = (1 << 13) - 1 | (version >= 2) << 13 | (version >= 3) << 14 | (version >= 5) << 15
    ruleset = _Ruleset(handled, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 8 + 8 * (version >= 4) + 8 * (version >= 6)  # a kernel refuses fields that it does not know
    rules = _checked(
        _libc().syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), ctypes.c_uint32(0)),
        "landlock_create_ruleset",
    )
    _allow(rules, folder, _READ_FILE | _READ_FOLDER)
    for path in PROGRAM_FOLDERS:
        if os.path.isdir(path):
            opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            _allow(rules, opened, _EXECUTE | _READ_FILE | _READ_FOLDER)
    _checked(_libc().syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0)), "landlock_restrict_self")
    os.close(rules)


def _allow(rules: int, parent: int, allowed: int) -> None:
    rule = _Beneath(allowed, parent)
    _checked(
        _libc().syscall(
            _ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0)
        ),
        "landlock_add_rule",
    )


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), json.loads(sys.argv[2]), *sys.argv[3:])
    except Exception as error:
        os.write(2, f"the command was not started: {error}\n".encode())
        sys.exit(FAILED)
