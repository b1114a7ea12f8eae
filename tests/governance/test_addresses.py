"""Where a webhook may lead: the table of refused addresses, and addresses that are no webhook's."""

import socket

import pytest

from governance.addresses import MAX_URL_CHARS, check_url, why_refused
from governance.errors import InvalidArguments

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "::1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "100.127.255.254", "fc00::1", "fdff::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:192.168.0.1",
    "64:ff9b::7f00:1", "64:ff9b::10.0.0.1",
]  # fmt: skip
NEVER = [
    "0.0.0.0", "0.1.2.3", "::", "169.254.169.254", "169.254.170.2", "169.254.0.1", "168.63.129.16", "100.100.100.200",
    "192.0.0.192", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "224.0.0.1", "239.255.255.255", "ff02::1",
    "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1",
    "192.0.0.1", "192.88.99.1", "2002:7f00:1::", "2002:808:808::1", "2001:0:808:808::1", "64:ff9b:1::1",
    "::ffff:169.254.169.254", "::ffff:0.0.0.0", "64:ff9b::a9fe:a9fe", "::7f00:1", "::8.8.8.8", "::ffff:0:127.0.0.1",
    "100::1", "4000::1", "5f00::1", "not an address", "",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "2606:4700::1111",
          "::ffff:8.8.8.8", "64:ff9b::808:808"]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_loopback_and_private_addresses_are_refused_unless_allowed(address):
    assert why_refused(address, allow_private=False)
    assert not why_refused(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_addresses_without_a_receiver_are_refused_whatever_is_allowed(address):
    assert why_refused(address, allow_private=False)
    assert why_refused(address, allow_private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address):
    assert why_refused(address, allow_private=False) == ""


def resolving(monkeypatch, **names: str) -> None:
    """Lets these names (with _ for .) resolve to these addresses, and others not at all."""

    def getaddrinfo(host, port, *args, **kwargs):
        found = names.get(host.replace(".", "_").replace("-", "__"))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        family = socket.AF_INET6 if ":" in found else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (found, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize("url", [
    "https://hooks.example/x", "https://hooks.example:8443/x?y=z", "https://hooks.example", "https://HOOKS.example/",
])  # fmt: skip
def test_a_public_https_address_is_taken(monkeypatch, url):
    resolving(monkeypatch, hooks_example="8.8.8.8", HOOKS_example="8.8.8.8")
    check_url(url, allow_private=False)


@pytest.mark.parametrize(("url", "why"), [
    ("http://hooks.example/", "begins with https"),
    ("ftp://hooks.example/", "https://host"),
    ("https://user:pass@hooks.example/", "without a user name"),
    ("https://hooks.example@127.0.0.1/", "without a user name"),
    ("https://hooks.example/a b", "spaces"),
    ("https://hooks.example/\r\nX: y", "spaces"),
    ("https://hooks.example\\@127.0.0.1/", "https://host"),
    ("https://hooks.example/#part", "no #"),
    ("https://hööks.example/", "ASCII"),
    ("https://１２７.0.0.1/", "ASCII"),
    ("https:///path", "https://host"),
    ("https://hooks.example:0/", "port"),
    ("https://hooks.example:65536/", "port"),
    ("https://hooks.example:22/", "port"),
    ("https://hooks.example:25/", "port"),
    ("https://hooks.example/" + "x" * MAX_URL_CHARS, "characters"),
    ("", "characters"),
    ("https://inside.example/", "a private address"),
    ("https://loop.example/", "a loopback address"),
    ("https://nowhere.example/", "cannot be resolved"),
])  # fmt: skip
def test_other_addresses_are_refused_with_the_reason(monkeypatch, url, why):
    resolving(monkeypatch, hooks_example="8.8.8.8", inside_example="10.0.0.1", loop_example="::1")
    with pytest.raises(InvalidArguments, match=why):
        check_url(url, allow_private=False)


@pytest.mark.parametrize("url", [
    "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://2130706433/", "https://127.1/",
    "https://0177.0.0.1/", "https://localhost/", "https://0/", "https://169.254.169.254/latest/meta-data",
])  # fmt: skip
def test_every_way_to_write_this_machine_is_refused(url):
    """With the resolver of this machine, which knows them without a network."""
    with pytest.raises(InvalidArguments):
        check_url(url, allow_private=False)


def test_http_and_any_port_are_for_private_receivers_alone():
    check_url("http://127.0.0.1:81/", allow_private=True)
    with pytest.raises(InvalidArguments, match="metadata"):
        check_url("http://169.254.169.254/", allow_private=True)


def test_one_refused_address_among_several_is_enough(monkeypatch):
    def getaddrinfo(host, port, *args, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, port)) for found in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(InvalidArguments, match="a private address"):
        check_url("https://both.example/", allow_private=False)
