"""What can go wrong between the gateway and a tool server, split by the one question that matters: may it have run?"""

from typing import Any

from governance.errors import DownstreamFailed, DownstreamUnknown

# With these codes a server says that it did not begin: parse error, method not found, invalid params, header mismatch,
# missing capability, unsupported version, URL elicitation required. Any other may come from a tool that broke in the
# middle: -32603 (internal error), and -32600, with which the SDK ends a tool that asks a client it cannot reach.
NOT_BEGUN = frozenset({-32700, -32601, -32602, -32020, -32021, -32022, -32042})
UNSUPPORTED_VERSION = -32022
MESSAGE_CHARS = 500


class Unreachable(DownstreamFailed):
    """Nothing was sent, because there is no connection. Counts for the circuit breaker."""


class Refused(DownstreamFailed):
    """The server was reached and certainly did not begin; it is up."""


class Unauthorized(Refused):
    """The server does not accept the gateway's credentials."""


class SessionLost(Refused):
    """The server does not know the session any more; the request was not processed."""


class Lost(DownstreamUnknown):
    """Something was sent, and no usable answer came. Counts for the circuit breaker."""


class RpcError(Exception):
    """A JSON-RPC error as the server gave it."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{message} (code {code})")
        self.code, self.data = code, data


class TooLarge(Exception):
    """An answer longer than its limit: the first bytes of its JSON text, and the last ones if they were reached."""

    def __init__(self, head: bytes, tail: bytes = b"") -> None:
        super().__init__("the answer is larger than its limit")
        self.head, self.tail = head, tail


def clean(text: object) -> str:
    """A server's words, fit for a message: one line, bounded."""
    line = " ".join(str(text).split())
    return line if len(line) <= MESSAGE_CHARS else f"{line[:MESSAGE_CHARS]}…"
