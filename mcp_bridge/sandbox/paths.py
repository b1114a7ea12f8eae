"""From an agent's text to a file inside one folder, component by component.

A path is never resolved and then opened: somebody could put a link there in between. Each component is opened relative
to the folder that was opened before it (openat), with O_NOFOLLOW, so a link is refused wherever it stands.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mcp_bridge.sandbox import Refused

MAX_PATH = 512  # characters
MAX_NAME = 200  # bytes of one component, in UTF-8
MAX_DEPTH = 16  # components
MAX_ENTRIES = 10_000  # files and folders in the whole sandbox
LOCK_SECONDS = 5.0

Parts = tuple[str, ...]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def parse(path: str) -> Parts:
    """The components of a relative path; () is the sandbox folder itself. Raises Refused."""
    if len(path) > MAX_PATH:
        raise Refused(f"The path is longer than {MAX_PATH} characters. Use a shorter one.")
    shown = printable(path)
    if not path.isprintable():
        raise Refused(f"The path {shown} contains characters that cannot be seen. Use a plain name.")
    if path.startswith("/"):
        raise Refused(f"The path {shown} is absolute. Give it relative to the sandbox folder, such as notes/today.txt.")
    if "\\" in path:
        raise Refused(f"The path {shown} contains a backslash. Separate folders with /.")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise Refused(f"The path {shown} contains '..'. Give it relative to the sandbox folder, without '..'.")
    if len(parts) > MAX_DEPTH:
        raise Refused(f"The path has more than {MAX_DEPTH} components. Use fewer folders.")
    if any(len(part.encode()) > MAX_NAME for part in parts):
        raise Refused(f"A name in the path is longer than {MAX_NAME} bytes. Use a shorter one.")
    return parts


def join(parts: Parts) -> str:
    return "/".join(parts) or "."


def printable(text: str) -> str:
    """The text, with what cannot be seen (control characters, bytes that are no UTF-8, bidi marks) as escapes."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "surrogatepass").decode() for sign in text
    )


class Folder:
    """The sandbox folder, held open from the start: what is put in its place later is not the sandbox."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @contextmanager
    def opened(self, parts: Parts, *, make: bool = False) -> Iterator[int]:
        """The descriptor of the folder `parts`, which `make` makes where it is missing. Raises Refused."""
        descriptor = os.open(".", _FOLDER, dir_fd=self.fd)
        try:
            for position, part in enumerate(parts):
                inner = _open_folder(part, descriptor, make=make, shown=join(parts[: position + 1]))
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    def status(self, parts: Parts) -> os.stat_result:
        """What stands there, which is never a link. Raises Refused."""
        if not parts:
            return os.fstat(self.fd)
        with self.opened(parts[:-1]) as folder:
            found = status_at(parts[-1], folder)
        if found is None:
            raise Refused(f"{join(parts)} does not exist. List the folder to see what does.")
        if stat.S_ISLNK(found.st_mode):
            raise _link(join(parts))
        return found

    def usage(self) -> tuple[int, int]:
        """Bytes and entries in the whole sandbox. It counts no further than MAX_ENTRIES."""
        size = entries = 0
        for _, folders, files, descriptor in os.fwalk(".", dir_fd=self.fd, follow_symlinks=False):
            entries += len(folders) + len(files)
            if entries > MAX_ENTRIES:
                break
            for name in files:
                found = status_at(name, descriptor)
                size += found.st_size if found else 0
        return size, entries

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time, in every process that serves this folder, so that the quota holds. Raises Refused."""
        descriptor = os.open(".", _FOLDER, dir_fd=self.fd)
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)  # and with it the lock


def status_at(name: str, folder: int) -> os.stat_result | None:
    """What stands under the name in an open folder, without following a link; None when nothing does."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _open_folder(name: str, parent: int, *, make: bool, shown: str) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        found = status_at(name, parent)
        if found is None:
            raise Refused(f"The folder {shown} does not exist. List the folder above it to see what does.") from error
        if stat.S_ISLNK(found.st_mode):
            raise _link(shown) from error
        if error.errno == errno.ENOTDIR:
            raise Refused(f"{shown} is not a folder.") from error
        raise


def _link(shown: str) -> Refused:
    return Refused(f"{shown} is a link. Links are never followed here; name a file or folder of the sandbox itself.")


def _lock(descriptor: int) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise Refused("The sandbox is being written to by somebody else. Try again.") from None
            time.sleep(0.02)
