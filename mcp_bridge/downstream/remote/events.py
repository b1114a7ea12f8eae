"""A bounded parser of server-sent events. No I/O."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mcp_bridge.downstream.remote.faults import TooLarge

_LINE_END = re.compile(rb"\r\n|\n|\r")
_FIELD_BYTES = 1024


@dataclass(frozen=True)
class Event:
    name: str
    data: bytes
    id: str


class EventParser:
    """Feed it what arrives; it gives whole events. Raises TooLarge, with the data so far, past `max_bytes` of one."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._scanned = 0
        self._data: list[bytes] = []
        self._size = 0
        self._name = ""
        self.last_id = ""
        self.retry_ms: int | None = None

    def renewed(self) -> "EventParser":
        """For the stream that goes on where this one broke off."""
        parser = EventParser(self._max_bytes)
        parser.last_id, parser.retry_ms = self.last_id, self.retry_ms
        return parser

    def feed(self, chunk: bytes) -> Iterator[Event]:
        self._buffer += chunk
        while (line := self._line()) is not None:
            if line:
                self._field(line)
            elif event := self._event():
                yield event
        if self._size + len(self._buffer) > self._max_bytes:
            raise TooLarge(b"\n".join([*self._data, self._unfinished_data()])[:self._max_bytes])

    def _line(self) -> bytes | None:
        found = _LINE_END.search(self._buffer, self._scanned)
        # A carriage return at the very end may be the first half of a pair.
        if not found or (found.group() == b"\r" and found.end() == len(self._buffer)):
            self._scanned = found.start() if found else len(self._buffer)
            return None
        line = bytes(self._buffer[:found.start()])
        del self._buffer[:found.end()]
        self._scanned = 0
        return line

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value) + 1
            if self._size > self._max_bytes:
                raise TooLarge(b"\n".join([*self._data, value])[:self._max_bytes])
            self._data.append(value)
        elif name == b"event":
            self._name = value[:_FIELD_BYTES].decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value and len(value) <= _FIELD_BYTES:
            self.last_id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) < 9:
            self.retry_ms = int(value)

    def _event(self) -> Event | None:
        data, name = b"\n".join(self._data), self._name or "message"
        had_data = bool(self._data)
        self._data, self._size, self._name = [], 0, ""
        return Event(name, data, self.last_id) if had_data else None

    def _unfinished_data(self) -> bytes:
        name, _, value = bytes(self._buffer).partition(b":")
        return value.removeprefix(b" ") if name == b"data" else b""
