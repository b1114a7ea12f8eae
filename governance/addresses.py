"""Where an agent's webhook may lead: to public addresses over https; others only when the setting allows it.

A name says nothing: the address it resolves to is judged, when the webhook is set and again at every connection
(mcp_bridge/webhook_client.py), since the answer may have changed in between.
"""

import re
import socket
import threading
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from queue import Empty, SimpleQueue
from urllib.parse import SplitResult, urlsplit

from governance.errors import InvalidArguments

MAX_URL_CHARS = 1000
RESOLVE_SECONDS = 5.0

# Refused whatever the setting says: no receiver of ours can be there, or the keys of the machine are.
_NEVER = {
    "the metadata service of a cloud": (
        "169.254.169.254/32", "169.254.170.2/32", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32",
        "fd00:ec2::254/128", "fd20:ce::254/128",
    ),
    "the unspecified address": ("0.0.0.0/8", "::/128"),
    "a link-local address": ("169.254.0.0/16", "fe80::/10", "fec0::/10"),
    "a multicast address": ("224.0.0.0/4", "ff00::/8"),
    "a broadcast or reserved address": ("240.0.0.0/4",),
    "an address of documentation or of tests": (
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32", "3fff::/20", "100::/64",
    ),
    "an address of a special purpose": ("192.0.0.0/24", "192.88.99.0/24", "192.31.196.0/24", "192.52.193.0/24",
                                        "192.175.48.0/24", "5f00::/16"),
    "a tunnel into another network": ("2002::/16", "2001::/32", "64:ff9b:1::/48"),
}  # fmt: skip
# Allowed when the setting says so.
_PRIVATE = {
    "a loopback address": ("127.0.0.0/8", "::1/128"),
    "a private address": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    "an address of a carrier's own network (100.64.0.0/10)": ("100.64.0.0/10",),
}
_NAT64 = ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ip_network("2000::/3")


def _networks(table: dict[str, tuple[str, ...]]) -> list[tuple]:
    return [(ip_network(network), why) for why, networks in table.items() for network in networks]


_never, _private = _networks(_NEVER), _networks(_PRIVATE)


def why_refused(address: str, *, allow_private: bool) -> str:
    """What kind of address it is, when nothing may be sent there; else empty. Anything unreadable is refused."""
    try:
        found = _meant(ip_address(address.partition("%")[0]))
    except ValueError:
        return "not an address"
    for network, why in _never:
        if found in network:
            return why
    for network, why in _private:
        if found in network:
            return "" if allow_private else why
    if found.version == 6 and found not in _GLOBAL_UNICAST:
        return "a reserved address"
    return "" if found.is_global else "not a public address"


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one, where the network would unpack it."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def check_url(url: str, *, allow_private: bool) -> None:
    """Asks the resolver too, for at most RESOLVE_SECONDS. Raises InvalidArguments when nothing may be sent there."""
    parts = _parts(url)
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise InvalidArguments("A webhook's address begins with https://.")
    port = _port_of(parts, allow_private=allow_private)
    for address in addresses_of(parts.hostname or "", port):
        if why := why_refused(address, allow_private=allow_private):
            raise InvalidArguments(
                f"Webhooks are not sent to {parts.hostname}: it is {why}. Take a receiver with a public address, or "
                "let whoever runs the gateway set ATLAS_WEBHOOKS_ALLOW_PRIVATE (loopback and private addresses alone)."
            )


def _parts(url: str) -> SplitResult:
    if not 1 <= len(url) <= MAX_URL_CHARS:
        raise InvalidArguments(f"A webhook's address has 1 to {MAX_URL_CHARS} characters.")
    # Only what every parser reads the same way.
    if not re.fullmatch(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?([/?][!-~]*)?", url, re.IGNORECASE):
        raise InvalidArguments(
            "A webhook's address is https://host[:port]/path, in ASCII (xn--… for other names), without a user name, "
            "a password or spaces."
        )
    if "#" in url or "\\" in url:
        raise InvalidArguments("A webhook's address has no # and no backslash.")
    try:
        return urlsplit(url)
    except ValueError:
        raise InvalidArguments("This is not a valid address.") from None


def _port_of(parts: SplitResult, *, allow_private: bool) -> int:
    """443, or one that no service of the system has: what else is below 1024 speaks other protocols."""
    try:
        port = parts.port if parts.port is not None else 443 if parts.scheme == "https" else 80
    except ValueError:
        port = 0
    if port == 0 or not (port in (80, 443) or port >= 1024 or allow_private):
        raise InvalidArguments("A webhook's port is 443 or one from 1024 to 65535.")
    return port


def addresses_of(host: str, port: int, seconds: float = RESOLVE_SECONDS) -> list[str]:
    """What the name resolves to now. Raises InvalidArguments when it does not, or not in time."""
    answers: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def look() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(sorted({str(sockaddr[0]) for *_, sockaddr in found}))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    # A thread of its own, because getaddrinfo cannot be told how long it may take.
    threading.Thread(target=look, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        answer = TimeoutError()
    if isinstance(answer, Exception) or not answer:
        raise InvalidArguments(f"The name {host} cannot be resolved to an address. Check it, then try again.")
    return answer
