"""/api/inngest: closed in embedded mode, and open to fresh, signed requests only when a server drives the workflow."""

import hashlib
import hmac
import json
import time

import inngest
import pytest
from django.test import RequestFactory
from django.urls import path

from governance.workflow.client import server_client, workflow_client
from governance.workflow.serve import guarded, inngest_view, serve_functions
from governance.workflow.signatures import sign

KEY = "ab" * 32
BODY = json.dumps({
    "ctx": {"attempt": 0, "disable_immediate_execution": False, "run_id": "r", "stack": {"stack": []}},
    "event": {"name": "x/y", "data": {}}, "events": [{"name": "x/y", "data": {}}], "steps": {}, "use_api": False,
}, separators=(",", ":"), sort_keys=True).encode()


@pytest.fixture
def view():
    client = server_client(KEY, "event-key", "http://127.0.0.1:9/", app_id="serve-test")

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="x/y"))
    def f(ctx):
        return "ran"

    sdk_view = serve_functions(client, [f])
    return lambda request: guarded(sdk_view, request)


def post(headers: dict[str, str], body: bytes = BODY, path: str = "/api/inngest?fnId=serve-test-f&stepId=step"):
    return RequestFactory().post(path, body, content_type="application/json", headers=headers, SERVER_NAME="localhost")


def _hash(key: str, signed: bytes) -> str:
    return hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()


def signature(at: int, body: bytes = BODY) -> dict[str, str]:
    return {"X-Inngest-Signature": f"t={at}&s={_hash(KEY, body + str(at).encode())}"}


def test_a_fresh_signature_runs_the_function(view) -> None:
    response = view(post(signature(int(time.time()))))
    assert (response.status_code, json.loads(response.content)) == (200, "ran")
    assert view(post({"X-Inngest-Signature": sign(BODY, KEY)})).status_code == 200


@pytest.mark.parametrize("shift", [-301, 301, -315_000_000])
def test_a_signature_that_is_not_of_these_minutes_is_refused(view, shift: int) -> None:
    assert view(post(signature(int(time.time()) + shift))).status_code == 401


@pytest.mark.parametrize("header", [
    None, "", "t=&s=", "t=abc&s=00", "t={now}", "t={now}&s=00", "t=0&t={now}&s=00", "t=-{now}&s=00", "s={without_time}",
    "t={now}&s={other_key}", "t={now}&s={other_body}",
])
def test_a_missing_or_wrong_signature_is_refused(view, header: str | None) -> None:
    now = int(time.time())
    parts = {
        "now": now, "without_time": _hash(KEY, BODY), "other_key": _hash("cd" * 32, BODY + str(now).encode()),
        "other_body": _hash(KEY, b"{}" + str(now).encode()),
    }
    assert view(post({} if header is None else {"X-Inngest-Signature": header.format(**parts)})).status_code == 401


@pytest.mark.parametrize("method", ["put", "get"])
def test_registration_and_inspection_are_closed_to_the_unsigned(view, method: str) -> None:
    request = getattr(RequestFactory(), method)("/api/inngest", SERVER_NAME="localhost")
    assert view(request).status_code == 401


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(view, settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = b'"' + b"x" * 2000 + b'"'
    assert view(post(signature(int(time.time()), body), body)).status_code == 413


@pytest.mark.parametrize("value", ["1", "true", "http://127.0.0.1:1/"])
def test_no_development_variable_weakens_anything(monkeypatch: pytest.MonkeyPatch, settings, value: str) -> None:
    monkeypatch.setenv("INNGEST_DEV", value)
    monkeypatch.setenv("INNGEST_API_BASE_URL", "http://127.0.0.1:2/")
    monkeypatch.setenv("INNGEST_EVENT_API_BASE_URL", "http://127.0.0.1:2/")
    monkeypatch.setenv("INNGEST_ENABLE_UNAUTHED_SYNC", "1")
    server_client.cache_clear()
    settings.WORKFLOW_DRIVER, settings.INNGEST_BASE_URL = "inngest", ""
    settings.INNGEST_SIGNING_KEY, settings.INNGEST_EVENT_KEY = f"signkey-prod-{KEY}", f"key-{value}"
    client = workflow_client()
    assert client.is_production
    assert client.api_origin == "https://api.inngest.com/"
    assert client.event_api_origin == "https://inn.gs/"
    for method in ("put", "post", "get"):
        request = getattr(RequestFactory(), method)("/api/inngest", SERVER_NAME="localhost")
        assert inngest_view(request).status_code == 401
    unsigned = RequestFactory().put("/api/inngest", SERVER_NAME="localhost")
    assert serve_functions(client, _one(client))(unsigned).status_code == 401  # the SDK's own view too


def _one(client: inngest.Inngest) -> list[inngest.Function]:
    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="x/y"))
    def f(ctx):
        return None
    return [f]


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
@pytest.mark.django_db
def test_the_address_does_not_exist_in_embedded_mode(client, settings, method: str) -> None:
    settings.ROOT_URLCONF = __name__
    settings.WORKFLOW_DRIVER = "embedded"
    response = getattr(client, method)("/api/inngest", headers={"X-Inngest-Signature": sign(b"", KEY)})
    assert response.status_code == 404



urlpatterns = [path("api/inngest", inngest_view)]
