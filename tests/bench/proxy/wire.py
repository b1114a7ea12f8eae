"""Blocking pieces of HTTP/1.1 and MCP that the load client needs, and nothing more.

A `Target` says where a server is and what it understands; `Caller` is one kept connection to it. Raises WireError on
anything but the right answer.
"""

import json
import socket
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

MODERN, LEGACY = "2026-07-28", "2025-11-25"
ANSWER_SECONDS = 30.0
_INFO = {"name": "bench", "version": "1"}
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": _INFO,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_MARK = "THE-TEXT-OF-THE-CALL"


class WireError(Exception):
    """The server did not answer as it should."""


@dataclass(frozen=True)
class Target:
    """`tool` is the name under which it offers `echo`; before 2026-07-28 every caller has a session of `version`."""

    name: str
    port: int
    tool: str = "echo"
    path: str = "/mcp"
    token: str = ""
    version: str = MODERN
    newest: str = MODERN

    def speaking(self, version: str) -> Self:
        """The same in this version, unless it knows only an older one."""
        return replace(self, version=min(version, self.newest))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def complete(data: bytes) -> tuple[int, dict[str, str], bytes] | None:
    """Status, headers and body of the response at the start of `data`; None while some of it is missing."""
    found = whole(data)
    return found and (int(found[0].split(" ", 2)[1]), *found[1:])


def whole(data: bytes) -> tuple[str, dict[str, str], bytes] | None:
    """First line, headers and body of the request or response at the start of `data`; None while some is missing."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = _chunked(rest) if headers.get("transfer-encoding") == "chunked" else _sized(headers, rest)
    return None if body is None else (first, headers, body)


def _sized(headers: dict[str, str], rest: bytes) -> bytes | None:
    size = int(headers.get("content-length", 0))
    return rest[:size] if len(rest) >= size else None


def _chunked(rest: bytes) -> bytes | None:
    body, at = b"", 0
    while (end := rest.find(b"\r\n", at)) >= 0:
        size = int(rest[at:end], 16)
        at = end + 2 + size + 2
        if len(rest) < at:
            return None
        if not size:
            return body
        body += rest[end + 2 : end + 2 + size]
    return None


def message(body: bytes) -> dict[str, Any]:
    """The last JSON-RPC message in a body that is JSON or an event stream."""
    if body.startswith(b"{"):
        return json.loads(body)
    lines = [line[5:] for line in body.splitlines() if line.startswith(b"data:") and line[5:].strip()]
    if not lines:
        raise WireError(f"no answer: {body[:500]!r}")
    return json.loads(lines[-1])


class Caller:
    """One kept connection. `session` is a header line of an earlier one, which then goes on."""

    def __init__(self, target: Target, session: str = "") -> None:
        self.target, self.session = target, session
        params: dict[str, Any] = {"name": target.tool, "arguments": {"text": _MARK}}
        if target.version == MODERN:
            params["_meta"] = _META
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        self._before, self._after = json.dumps(call).split(_MARK)

    def open(self) -> Self:
        self.socket = socket.create_connection(("127.0.0.1", self.target.port), ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.target.version != MODERN and not self.session:
            self._hello()
        self._head = self._headers("tools/call")
        return self

    def close(self) -> None:
        self.socket.close()

    def request(self, text: str) -> bytes:
        """The bytes of one call; `text` needs no escaping in JSON."""
        body = f"{self._before}{text}{self._after}".encode()
        return f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def call(self, text: str) -> None:
        check(self._exchange(self.request(text)), text)

    def _headers(self, method: str) -> str:
        target = self.target
        named = f"Mcp-Method: {method}\r\nMcp-Name: {target.tool}\r\n" if target.version == MODERN else self.session
        bearer = f"Authorization: Bearer {target.token}\r\n" if target.token else ""
        return (
            f"POST {target.path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n{bearer}{named}"
            f"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
            f"MCP-Protocol-Version: {target.version}\r\n"
        )

    def _hello(self) -> None:
        hello = {"protocolVersion": self.target.version, "capabilities": {}, "clientInfo": _INFO}
        status, headers, body = self._post({"id": 0, "method": "initialize", "params": hello})
        if status != 200 or "result" not in message(body):
            raise WireError(f"{self.target.name} refused the session: {status} {body[:500]!r}")
        if identity := headers.get("mcp-session-id"):
            self.session = f"Mcp-Session-Id: {identity}\r\n"
        self._post({"method": "notifications/initialized"})

    def _post(self, rpc: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        body = json.dumps({"jsonrpc": "2.0", **rpc}).encode()
        return self._exchange(f"{self._headers(rpc['method'])}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def _exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        self.socket.sendall(request)
        data = b""
        while (response := complete(data)) is None:
            more = self.socket.recv(65536)
            if not more:
                raise WireError(f"{self.target.name} closed the connection after {data[:500]!r}")
            data += more
        return response


def check(response: tuple[int, dict[str, str], bytes], text: str) -> None:
    """Passes when the response is the result of `echo` for exactly this text."""
    status, _, body = response
    found = message(body)
    result = found.get("result", {})
    if status != 200 or result.get("isError") or [block.get("text") for block in result.get("content", [])] != [text]:
        raise WireError(f"a wrong answer to {text!r}: {status} {str(found)[:1000]}")
