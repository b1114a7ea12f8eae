"""Where a delivery connects to: judged at the connection itself, whatever the name said before."""

import datetime
import socket
import ssl
import threading
import uuid

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from governance.actions.deliveries import Answer, Attempt
from governance.sealing import seal
from mcp_bridge import webhook_client
from mcp_bridge.webhook_client import Client
from tests.receivers import receiver
from tests.waiting import wait_for

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_real = socket.getaddrinfo


@pytest.fixture
def client():
    made = Client()
    yield made
    made.stop()


def names(monkeypatch, **table: list[str]) -> list[str]:
    """Each look-up of hooks.example takes the next address of its list, the last one for ever; whoever was asked."""
    asked: list[str] = []

    def getaddrinfo(host, port, *args, **kwargs):
        found = table.get(str(host).replace(".", "_"))
        if found is None:
            return _real(host, port, *args, **kwargs)
        asked.append(host)
        address = found.pop(0) if len(found) > 1 else found[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def send(client: Client, url: str) -> Answer:
    attempt = Attempt(uuid.uuid4(), 1, 1, url, seal(SECRET), '{"type":"request.denied"}')
    answers: list[Answer] = []
    client.start(attempt, answers.append)
    return wait_for(lambda: answers, "the answer")[0]


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "10.1.2.3", "169.254.169.254", "64:ff9b::7f00:1"])
def test_a_name_that_leads_inside_by_now_is_refused_at_the_connection(monkeypatch, client, address):
    with receiver() as hook:
        names(monkeypatch, hooks_example=[address])
        answer = send(client, f"http://hooks.example:{hook.port}/")
        assert answer.error.startswith("refused: the receiver is ")
        assert not hook.received


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:7f00:1]", "localhost"])
def test_an_address_in_the_row_itself_is_judged_as_well(client, host):
    with receiver() as hook:
        answer = send(client, f"http://{host}:{hook.port}/")
        assert "refused: the receiver is a loopback address" in answer.error
        assert not hook.received


def test_a_name_is_asked_once_and_what_was_judged_is_what_is_connected_to(monkeypatch, client, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    with receiver() as hook:
        asked = names(monkeypatch, hooks_example=["127.0.0.1", "169.254.169.254"])
        assert send(client, f"http://hooks.example:{hook.port}/x").status == 204
        assert asked == ["hooks.example"]
        assert hook.received[0].headers["host"] == f"hooks.example:{hook.port}"


def test_tls_is_spoken_with_the_name_and_not_with_the_address(monkeypatch, client, settings, tmp_path):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    serving, trusting, asked_for = tls("hooks.example", tmp_path)
    monkeypatch.setattr(webhook_client, "ssl_context", lambda: trusting)
    names(monkeypatch, hooks_example=["127.0.0.1"], other_example=["127.0.0.1"])
    with receiver(serving) as hook:
        assert send(client, f"https://hooks.example:{hook.port}/").status == 204
        assert asked_for == ["hooks.example"]
        refused = send(client, f"https://other.example:{hook.port}/")
        assert refused.error == "its TLS certificate is not valid for this name"
        assert len(hook.received) == 1


def test_a_name_server_that_hangs_holds_up_no_other_delivery(monkeypatch, client, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    monkeypatch.setattr(webhook_client, "TOTAL_SECONDS", 5.0)
    release, hanging = threading.Event(), threading.Semaphore(0)

    def getaddrinfo(host, *args, **kwargs):
        if host == "hangs.example":
            hanging.release()
            release.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return _real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    answers: list[Answer] = []
    for _ in range(20):
        attempt = Attempt(uuid.uuid4(), 1, 1, "https://hangs.example/", seal(SECRET), "{}")
        client.start(attempt, answers.append)
    for _ in range(20):
        assert hanging.acquire(timeout=30)
    with receiver() as hook:
        assert send(client, hook.url.replace("127.0.0.1", "localhost")).status == 204
    assert not answers
    release.set()
    wait_for(lambda: len(answers) == 20, "the others")
    assert {answer.error for answer in answers} == {"its name cannot be resolved"}


def test_a_proxy_of_the_environment_is_not_used(monkeypatch, client, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    with receiver() as proxy, receiver() as hook:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert send(client, hook.url).status == 204
        assert not proxy.received


def tls(name: str, folder) -> tuple[ssl.SSLContext, ssl.SSLContext, list[str]]:
    """A server's context with a certificate for the name, a client's that trusts it, and the names that were asked."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(path)
    asked: list[str] = []
    serving.sni_callback = lambda socket, server_name, context: asked.append(server_name) and None
    return serving, ssl.create_default_context(cafile=str(path)), asked
