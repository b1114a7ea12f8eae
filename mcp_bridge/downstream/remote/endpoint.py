"""Endpoint: where a tool server is and what a call of it may take. All that a connection needs to know."""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

MIB = 1024 * 1024
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN_IN_HEADERS = ("\r", "\n", "\0")


@dataclass(frozen=True)
class Endpoint:
    """Hashable: an endpoint that differs in anything gets a new connection.

    `key` names the server in the pool and in logs. Raises ValueError, in words for an administrator, when it cannot be
    used. Values of headers and environment are never shown by repr.
    """

    key: str
    kind: Literal["http", "sse", "stdio"]
    url: str = field(default="", repr=False)  # a query may hold a secret
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    command: str = ""
    args: tuple[str, ...] = field(default=(), repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cwd: str = ""
    timeout_seconds: float = 30
    max_result_bytes: int = MIB
    memory_bytes: int = 0  # stdio: RLIMIT_AS; 0 sets none, because V8 reserves far more than it uses

    def __post_init__(self) -> None:
        if self.kind in ("http", "sse"):
            self._check_url()
        elif self.kind != "stdio":
            raise ValueError(f"{self.key}: {self.kind!r} is no kind of tool server; use http, sse or stdio.")
        elif not self.command:
            raise ValueError(f"{self.key}: a stdio server needs a command.")
        if self.timeout_seconds <= 0 or self.max_result_bytes < 1024:
            raise ValueError(f"{self.key}: the time-out must be above 0, the limit of results at least 1,024 bytes.")
        for name, value in self.headers:
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{self.key}: {name!r} is no name of a header.")
            if any(sign in value for sign in _FORBIDDEN_IN_HEADERS):
                raise ValueError(f"{self.key}: the header {name!r} holds a line break.")
        if any("\0" in text for text in (self.command, *self.args, *(part for pair in self.env for part in pair))):
            raise ValueError(f"{self.key}: command, arguments and environment cannot hold a NUL character.")

    def _check_url(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{self.key}: the address must begin with http:// or https:// and name a host.")
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"{self.key}: the address holds a user name or password; put it into a header.")
