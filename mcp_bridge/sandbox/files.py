"""List, read and write files of the sandbox: bounded, UTF-8, regular files with one name."""

import os
import secrets
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from mcp_bridge.sandbox import Refused
from mcp_bridge.sandbox.paths import MAX_ENTRIES, Folder, Parts, join, parse, printable, status_at

MAX_READ = 256 * 1024  # bytes in one call
MIN_READ = 16  # a whole character fits, so that reading always gets on
MAX_WRITE = 256 * 1024  # bytes of one file
MAX_LISTED = 1_000
QUOTA = 64 * 1024 * 1024  # bytes in the whole sandbox

_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


@dataclass(frozen=True)
class Entry:
    name: str
    kind: str  # file, folder, link or other
    size: int | None  # bytes, of a file
    modified: str  # ISO 8601, UTC


@dataclass(frozen=True)
class Listing:
    path: str
    entries: tuple[Entry, ...]
    cut: bool  # there are more than MAX_LISTED


@dataclass(frozen=True)
class Text:
    """`text` is what stands from the byte `offset` on; `next_offset` is where to go on, None at the end."""

    path: str
    text: str
    size: int
    offset: int
    next_offset: int | None
    binary: bool


@dataclass(frozen=True)
class Written:
    path: str
    size: int
    created: bool


def list_folder(folder: Folder, path: str) -> Listing:
    parts = parse(path)
    with folder.opened(parts) as descriptor, os.scandir(descriptor) as found:
        names = sorted(entry.name for entry in islice(found, MAX_ENTRIES))
        entries = [_entry(name, descriptor) for name in names[:MAX_LISTED]]
    return Listing(join(parts), tuple(entry for entry in entries if entry), cut=len(names) > MAX_LISTED)


def read(folder: Folder, path: str, offset: int = 0, limit: int = MAX_READ) -> Text:
    """At most `limit` bytes from the byte `offset` on. Raises Refused for anything but a regular file with one name."""
    parts = _file(path)
    with folder.opened(parts[:-1]) as descriptor:
        # First a look, since opening a device or a pipe can already do something; then again on what was opened.
        _check_regular(status_at(parts[-1], descriptor), parts)
        try:
            file = os.open(
                parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor
            )
        except PermissionError:
            raise Refused(f"{join(parts)} may not be read by the server.") from None
    try:
        size = _check_regular(os.fstat(file), parts).st_size
        data = os.pread(file, max(MIN_READ, min(limit, MAX_READ)), offset)
    finally:
        os.close(file)
    return _text(join(parts), data, size, offset)


def write(folder: Folder, path: str, content: str) -> Written:
    """Makes the file or replaces it as a whole: readers see the old text or the new one, never a part of it."""
    parts, data = _file(path), _encoded(content)
    with folder.locked():
        used, entries = folder.usage()
        if used + len(data) > QUOTA or entries + len(parts) > MAX_ENTRIES:
            raise Refused(
                f"The sandbox is full ({QUOTA // 1024**2} MiB or {MAX_ENTRIES} entries). "
                "A person has to remove something from it."
            )
        with folder.opened(parts[:-1], make=True) as descriptor:
            before = status_at(parts[-1], descriptor)
            if before is not None and not stat.S_ISREG(before.st_mode):
                raise Refused(f"{join(parts)} is a {_kind(before)}, not a file. Choose another name.")
            _replace(parts[-1], data, descriptor)
    return Written(join(parts), len(data), created=before is None)


def check_readable(folder: Folder, parts: Parts) -> None:
    """What a command may be given as a file to read. Raises Refused."""
    _check_regular(folder.status(parts), parts)


def _file(path: str) -> Parts:
    parts = parse(path)
    if not parts:
        raise Refused("The path names the sandbox folder itself. Name a file in it.")
    return parts


def _encoded(content: str) -> bytes:
    try:
        data = content.encode()
    except UnicodeEncodeError:
        raise Refused("The content is not valid Unicode text (it has half of a surrogate pair).") from None
    if len(data) > MAX_WRITE:
        raise Refused(f"The content has {len(data)} bytes; one file may have {MAX_WRITE}. Split it into several files.")
    return data


def _kind(status: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(status.st_mode), "other")


def _entry(name: str, folder: int) -> Entry | None:
    status = status_at(name, folder)
    if status is None:  # gone since the folder was read
        return None
    size = status.st_size if stat.S_ISREG(status.st_mode) else None
    modified = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds")
    return Entry(printable(name), _kind(status), size, modified)


def _check_regular(status: os.stat_result | None, parts: Parts) -> os.stat_result:
    shown = join(parts)
    if status is None:
        raise Refused(f"{shown} does not exist. List the folder to see what does.")
    if stat.S_ISLNK(status.st_mode):
        raise Refused(f"{shown} is a link. Links are never followed here; name a file of the sandbox itself.")
    if stat.S_ISDIR(status.st_mode):
        raise Refused(f"{shown} is a folder. List it instead.")
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{shown} is a pipe, a socket or a device. Only regular files can be read.")
    if status.st_nlink > 1:  # a hard link: its other name may stand outside the sandbox
        raise Refused(f"{shown} has more than one name (hard links). Only the sandbox's own files can be read.")
    return status


def _text(path: str, data: bytes, size: int, offset: int) -> Text:
    start = next((i for i, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0) if offset else 0
    end = offset + len(data)
    for dropped in range(4 if end < size else 1):  # a cut may split a character of up to four bytes
        try:
            text = data[start : len(data) - dropped].decode()
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        stop = end - dropped
        return Text(path, text, size, offset + start, stop if stop < size else None, binary=False)
    return Text(path, "", size, offset, None, binary=True)


def _replace(name: str, data: bytes, folder: int) -> None:
    temporary = f".{secrets.token_hex(8)}.part"
    file = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
    )
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        # Takes the place of the name: a link, or another name of a file outside, is replaced and never written through.
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(temporary, dir_fd=folder)
        raise
