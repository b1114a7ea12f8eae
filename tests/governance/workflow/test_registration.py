"""register_inngest: a signed PUT to the running app, whose answer is read; against loopback servers at both ends."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import inngest
import pytest
from django.core.management import CommandError, call_command

from governance.workflow.client import server_client
from governance.workflow.registration import NotRegistered, register_once
from governance.workflow.serve import serve_functions
from tests.governance.workflow.drivers import _handler

KEY = "ab" * 32


class Server:
    """What an Inngest server does with `POST /fn/register`; `status` and `body` are its answer."""

    def __init__(self) -> None:
        self.registered: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        self.status, self.body = 200, json.dumps({"ok": True, "modified": True})
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.registered.append({"path": self.path, **content})
                outer.authorizations.append(self.headers["Authorization"])
                body = outer.body.encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = serve_in_thread(Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


def serve_in_thread(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    return http


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def app(server: Server, settings) -> Iterator[str]:
    """Our /api/inngest on loopback, talking to `server`."""
    settings.WORKFLOW_DRIVER, settings.INNGEST_SIGNING_KEY, settings.INNGEST_EVENT_KEY = "inngest", KEY, "event-key"
    settings.INNGEST_BASE_URL = server.url
    client = server_client(KEY, "event-key", server.url, app_id="registration-test")

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="x/y"), retries=20)
    def f(ctx):
        return None

    http = serve_in_thread(_handler(serve_functions(client, [f]), "127.0.0.1", []))
    yield f"http://127.0.0.1:{http.server_port}/api/inngest"
    http.shutdown()
    http.server_close()


def test_it_registers_our_function_under_the_address_given(server: Server, app: str) -> None:
    call_command("register_inngest", "--url", app, "--wait", "5")
    body = server.registered[0]
    assert body["path"] == "/fn/register"
    assert (body["appname"], body["url"]) == ("registration-test", app)
    assert body["functions"][0]["steps"]["step"]["retries"]["attempts"] == 20
    assert server.authorizations[0].startswith("Bearer ")
    assert KEY not in server.authorizations[0]


@pytest.mark.parametrize(("status", "body"), [
    (400, '{"error": "your signing key is wrong", "status": 400}'), (500, '{"error": "boom"}'), (200, '{"ok": false}'),
    (200, '{"error": "no"}'), (401, "Authentication failed"), (200, "[]"),
])
def test_a_failed_registration_is_noticed_though_the_app_answers_200(
    server: Server, app: str, status: int, body: str
) -> None:
    server.status, server.body = status, body
    with pytest.raises(NotRegistered):
        register_once(app)


def test_the_command_fails_with_the_reason(server: Server, app: str) -> None:
    server.status, server.body = 400, '{"error": "your signing key is wrong"}'
    with pytest.raises(CommandError, match="your signing key is wrong"):
        call_command("register_inngest", "--url", app, "--wait", "0")


def test_a_wrong_key_is_refused_by_the_app_itself(server: Server, app: str, settings) -> None:
    settings.INNGEST_SIGNING_KEY = "cd" * 32
    with pytest.raises(NotRegistered, match="Unauthorized"):
        register_once(app)
    assert server.registered == []


def test_it_waits_for_an_app_that_is_not_there_yet_only_so_long(server: Server, app: str) -> None:
    free = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    free.server_close()
    with pytest.raises(CommandError, match="cannot be reached"):
        call_command("register_inngest", "--url", f"http://127.0.0.1:{free.server_port}/api/inngest", "--wait", "0")


def test_embedded_there_is_nothing_to_register(capsys: pytest.CaptureFixture, settings) -> None:
    settings.WORKFLOW_DRIVER = "embedded"
    call_command("register_inngest")
    assert "nothing to register" in capsys.readouterr().out
