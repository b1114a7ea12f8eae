"""POST /webhook/approval: who may call, what is understood, what is answered."""

import hashlib
import hmac
import io
import json
import time
from datetime import timedelta

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import Client
from django.utils import timezone

from governance.actions import issue_agent_token, issue_api_token, revoke_token
from governance.logs import ReferenceFilter
from governance.models import ApiToken, Decision, Role
from governance.states import Status
from reviews.models import SeenSignature
from reviews.webhook import approval
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_viewer, overdue

URL = "/webhook/approval"
SECRET = "0123456789abcdef0123456789abcdef"

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(sarah):
    return issue_api_token(sarah)


@pytest.fixture
def signing(settings, sarah):
    settings.WEBHOOK_SECRET, settings.WEBHOOK_REVIEWER = SECRET, "sarah"


def post(body, token="", **headers):
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return Client(enforce_csrf_checks=True).generic("POST", URL, data, "application/json", headers=headers)


def signed(body, *, at=None, secret=SECRET):
    data = json.dumps(body).encode()
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + data, hashlib.sha256).hexdigest()
    return data, {"X-Atlas-Timestamp": stamp, "X-Atlas-Signature": f"sha256={digest}"}


def error_of(response, status):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    return response.json()["error"]


# -- verdicts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "answered", "status"),
    [("APPROVED", "APPROVED", Status.APPROVED), ("REJECTED", "REJECTED", Status.DENIED),
     ("DENIED", "REJECTED", Status.DENIED)],
)
def test_a_verdict_with_a_reviewers_token_decides_the_request(token, sarah, word, answered, status):
    request = make_request()
    response = post({"decision": word, "event_id": request.reference, "reason": "Spoke to her."}, token)
    assert (response.status_code, response.json()) == (200, {"status": "Signal Sent", "decision": answered})
    decision = request.decisions.get()
    assert (decision.reviewer, decision.verdict, decision.reason) == (sarah, answered, "Spoke to her.")
    assert decision.source == "webhook"
    request.refresh_from_db()
    assert request.status == status


def test_the_same_call_again_is_answered_the_same_and_decides_nothing_more(token):
    request = make_request()
    answers = [post({"decision": "APPROVED", "event_id": request.reference}, token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert Decision.objects.count() == 1


def test_the_opposite_verdict_of_the_same_reviewer_is_a_conflict(token):
    request = make_request()
    post({"decision": "APPROVED", "event_id": request.reference}, token)
    error = error_of(post({"decision": "REJECTED", "event_id": request.reference}, token), 409)
    assert error["code"] == "already_decided"


def test_a_second_reviewer_is_told_who_decided_and_when(token, sarah):
    request = make_request(status=Status.APPROVED, reviewer=make_reviewer("bob"))
    error = error_of(post({"decision": "APPROVED", "event_id": request.reference}, token), 409)
    at = timezone.localtime(request.decisions.get().created_at)
    assert error["code"] == "already_decided"
    assert "approved by bob" in error["message"] and f"{at:%Y-%m-%d %H:%M:%S}" in error["message"]


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.EXPIRED])
def test_a_request_that_does_not_wait_is_a_conflict(token, status):
    request = make_request(status=status)
    error = error_of(post({"decision": "APPROVED", "event_id": request.reference}, token), 409)
    assert error["code"] == "wrong_state"


def test_an_approval_after_the_deadline_changes_nothing(token):
    request = overdue(make_request())
    assert error_of(post({"decision": "APPROVED", "event_id": request.reference}, token), 409)["code"] == "wrong_state"
    assert not Decision.objects.exists()


def test_unknown_requests_and_those_of_another_team_are_equally_not_found(token):
    foreign = make_request(team=make_team("Elsewhere"))
    for reference in ("evt_0123456789abcdef", "evt_unknown", foreign.reference):
        error = error_of(post({"decision": "APPROVED", "event_id": reference}, token), 404)
        assert error["code"] == "not_found"
        assert error["message"] == f"There is no request {reference} that you can see."
    assert not Decision.objects.exists()


# -- who calls -------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic c2FyYWg6eA==", "Bearer é", "Bearer a b"])
def test_wrong_credentials_are_refused_with_a_challenge(header):
    request = make_request()
    headers = {"Authorization": header} if header else {}
    response = post({"decision": "APPROVED", "event_id": request.reference}, **headers)
    assert error_of(response, 401)["code"] == "not_authenticated"
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_an_agents_token_never_approves():
    agent = make_agent()
    request = make_request(agent=agent)
    response = post({"decision": "APPROVED", "event_id": request.reference}, issue_agent_token(agent))
    assert error_of(response, 401)
    assert not Decision.objects.exists()


def test_revoked_expired_and_deactivated_tokens_are_refused(sarah, token):
    body = {"decision": "APPROVED", "event_id": make_request().reference}
    revoke_token(ApiToken.objects.get())
    assert error_of(post(body, token), 401)
    assert error_of(post(body, issue_api_token(sarah, expires_at=timezone.now() - timedelta(seconds=1))), 401)
    fresh = issue_api_token(sarah)
    sarah.is_active = False
    sarah.save()
    assert error_of(post(body, fresh), 401)


def test_a_cookie_alone_is_nobody(sarah):
    client = Client()
    client.force_login(sarah)
    response = client.post(URL, {"decision": "APPROVED"}, content_type="application/json")
    assert error_of(response, 401)


def test_members_without_the_right_are_forbidden():
    request = make_request()
    for person in (make_viewer(), make_reviewer(in_group=False), make_reviewer(role=Role.OPERATOR)):
        response = post({"decision": "APPROVED", "event_id": request.reference}, issue_api_token(person))
        assert error_of(response, 403)["code"] == "not_allowed"


def test_an_agents_owner_cannot_decide_for_it(sarah, token):
    request = make_request(agent=make_agent(owner=sarah))
    error = error_of(post({"decision": "APPROVED", "event_id": request.reference}, token), 403)
    assert "You own this agent" in error["message"]


# -- signatures ------------------------------------------------------------------------------


def test_a_signed_call_decides_in_the_name_of_the_webhook_reviewer(signing, sarah):
    request = make_request()
    data, headers = signed({"decision": "APPROVED", "event_id": request.reference})
    assert post(data, **headers).json() == {"status": "Signal Sent", "decision": "APPROVED"}
    assert request.decisions.get().reviewer == sarah


def test_the_same_signed_bytes_are_refused_a_second_time_and_a_new_signature_is_not(signing):
    body = {"decision": "APPROVED", "event_id": make_request().reference}
    now = time.time()
    data, headers = signed(body, at=now)
    assert post(data, **headers).status_code == 200
    assert error_of(post(data, **headers), 401)["code"] == "replayed"
    upper = {**headers, "X-Atlas-Signature": headers["X-Atlas-Signature"].upper().replace("SHA256", "sha256")}
    assert error_of(post(data, **upper), 401)["code"] == "replayed"
    data, headers = signed(body, at=now - 1)
    assert post(data, **headers).status_code == 200


@pytest.mark.parametrize("seconds", [-301, 301, -86400, 86400])
def test_a_timestamp_outside_five_minutes_is_refused(signing, seconds):
    data, headers = signed({"decision": "APPROVED", "event_id": "evt_x"}, at=time.time() + seconds)
    assert error_of(post(data, **headers), 401)["code"] == "stale"
    assert not SeenSignature.objects.exists()


@pytest.mark.parametrize("seconds", [-290, 290])
def test_a_timestamp_within_five_minutes_is_taken(signing, seconds):
    data, headers = signed(
        {"decision": "APPROVED", "event_id": make_request().reference}, at=time.time() + seconds
    )
    assert post(data, **headers).status_code == 200


def test_a_changed_body_timestamp_or_secret_breaks_the_signature(signing):
    body = {"decision": "REJECTED", "event_id": make_request().reference}
    data, headers = signed(body)
    other = {**headers, "X-Atlas-Timestamp": str(int(headers["X-Atlas-Timestamp"]) + 1)}
    for sent, sent_headers in (
        (data.replace(b"REJECTED", b"APPROVED"), headers), (data, other), signed(body, secret="wrong"),
        (data, {**headers, "X-Atlas-Signature": headers["X-Atlas-Signature"][:-2]}),
        (data, {**headers, "X-Atlas-Signature": "sha256="}), (data, {**headers, "X-Atlas-Signature": "é"}),
        (data, {"X-Atlas-Signature": headers["X-Atlas-Signature"]}),
        (data, {**headers, "X-Atlas-Timestamp": "soon"}), (data, {**headers, "X-Atlas-Timestamp": "9" * 5000}),
    ):
        assert error_of(post(sent, **sent_headers), 401)["code"] == "not_authenticated"
    assert not Decision.objects.exists()


def test_without_a_secret_nothing_signed_is_accepted(settings, sarah):
    settings.WEBHOOK_SECRET = ""
    data, headers = signed({"decision": "APPROVED", "event_id": "evt_x"}, secret="")
    assert "not enabled" in error_of(post(data, **headers), 401)["message"]


def test_a_token_beside_a_signature_is_ambiguous(signing, token):
    data, headers = signed({"decision": "APPROVED", "event_id": make_request().reference})
    assert "not both" in error_of(post(data, token, **headers), 401)["message"]


@pytest.mark.parametrize("name", ["nobody", "gone"])
def test_signed_calls_need_an_active_reviewer(signing, settings, name):
    make_reviewer("gone", is_active=False)
    settings.WEBHOOK_REVIEWER = name
    data, headers = signed({"decision": "APPROVED", "event_id": make_request().reference})
    assert error_of(post(data, **headers), 403)["code"] == "not_allowed"


def test_signatures_are_forgotten_when_their_time_refuses_them_anyway(signing):
    old = SeenSignature.objects.create(digest="0" * 64, expires_at=timezone.now() - timedelta(hours=2))
    kept = SeenSignature.objects.create(digest="1" * 64, expires_at=timezone.now() + timedelta(minutes=4))
    data, headers = signed({"decision": "APPROVED", "event_id": "evt_x"})
    post(data, **headers)
    digests = set(SeenSignature.objects.values_list("digest", flat=True))
    assert old.digest not in digests and kept.digest in digests and len(digests) == 2


# -- malformed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"decision": None}, "decision"), ({"decision": "approved"}, "decision"), ({"decision": True}, "decision"),
        ({"decision": ["APPROVED"]}, "decision"), ({"event_id": None}, "event_id"), ({"event_id": 7}, "event_id"),
        ({"event_id": "banana"}, "event_id"), ({"event_id": "evt_" + "a" * 400}, "event_id"),
        ({"event_id": "evt_\x00"}, "event_id"), ({"event_id": "evt_é"}, "event_id"), ({"reason": 5}, "reason"),
        ({"reason": "a\x00b"}, "reason"), ({"reason": "\ud800"}, "reason"), ({"reason": "x" * 4001}, "reason"),
        ({"resaon": "typo"}, "resaon"),
    ],
)
def test_a_malformed_field_is_named(token, change, field):
    body = {"decision": "APPROVED", "event_id": make_request().reference, **change}
    error = error_of(post(body, token), 400)
    assert (error["code"], error["field"]) == ("invalid", field)
    assert not Decision.objects.exists()


@pytest.mark.parametrize("missing", ["decision", "event_id"])
def test_a_missing_field_is_named(token, missing):
    body = {"decision": "APPROVED", "event_id": make_request().reference}
    del body[missing]
    assert error_of(post(body, token), 400)["field"] == missing


def test_a_repeated_field_is_not_guessed_at(token):
    request = make_request()
    body = f'{{"decision": "REJECTED", "event_id": "{request.reference}", "decision": "APPROVED"}}'
    assert error_of(post(body, token), 400)["field"] == "decision"
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    "body",
    [b"", b"no", b"[]", b'"APPROVED"', b"null", b"7", b"{", b"\xff\xfe", b"[" * 60_000, b'{"a":' * 10_000, b"NaN",
     b"9" * 5_000, b'{"decision": NaN}', b'decision=APPROVED&event_id=evt_0123456789abcdef'],
)
def test_what_is_no_json_object_is_a_400(token, body):
    assert error_of(post(body, token), 400)["code"] in ("invalid_json", "invalid")


def test_a_body_over_64_kib_is_refused_and_one_just_below_is_read(token):
    body = {"decision": "APPROVED", "event_id": make_request().reference}
    padding = 64 * 1024 - len(json.dumps(body))
    assert post(json.dumps(body) + " " * padding, token).status_code == 200
    assert error_of(post(json.dumps(body) + " " * (padding + 1), token), 413)["code"] == "too_large"


def test_a_body_that_does_not_say_its_length_is_bounded_too(token):
    """Chunked bodies reach Django without CONTENT_LENGTH under ASGI."""
    scope = {
        "type": "http", "method": "POST", "path": URL, "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }
    assert approval(ASGIRequest(scope, io.BytesIO(b" " * 70_000))).status_code == 413


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods_are_refused(token, method):
    response = Client().generic(method, URL, headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response["Allow"]) == (405, "POST")


def test_the_content_type_does_not_matter(token):
    body = json.dumps({"decision": "APPROVED", "event_id": make_request().reference})
    response = Client().generic(
        "POST", URL, body, "application/x-www-form-urlencoded", headers={"Authorization": f"Bearer {token}"}
    )
    assert response.status_code == 200


def test_the_log_names_the_reference_in_every_line(token, caplog):
    caplog.handler.addFilter(ReferenceFilter())
    request = make_request()
    with caplog.at_level("INFO", logger="reviews.webhook"):
        post({"decision": "APPROVED", "event_id": request.reference}, token)
        post({"decision": "REJECTED", "event_id": request.reference}, token)
    lines = [record for record in caplog.records if record.name == "reviews.webhook"]
    assert [line.reference for line in lines] == [request.reference] * 2
    assert token not in caplog.text
