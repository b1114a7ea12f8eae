"""POST /webhook/approval: a verdict from another program, in a reviewer's name. docs/webhook.md is its contract.

Who calls is a reviewer's API token, or an HMAC with a timestamp in the name of settings.WEBHOOK_REVIEWER. Cookies
count for nothing here, so there is nothing for CSRF to protect.
"""

import hashlib
import hmac
import json
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from governance import actions
from governance.errors import GovernanceError
from governance.logs import log_reference
from governance.models import User
from governance.models.decisions import Source
from governance.states import Verdict
from reviews.access import user_of_token, visible_request
from reviews.authentication import CHALLENGE, NOT_A_REVIEWER, bearer_of
from reviews.models import SeenSignature
from reviews.problems import error_body, problem, problem_of
from reviews.strict_json import MAX_BODY, BadJson, loads, printable

log = logging.getLogger(__name__)

WINDOW = timedelta(minutes=5)
KEPT = timedelta(hours=1)  # beyond the window, for processes whose clocks differ
VERDICTS = {"APPROVED": Verdict.APPROVED, "REJECTED": Verdict.REJECTED, "DENIED": Verdict.REJECTED}
FIELDS = ("decision", "event_id", "reason")
REFERENCE = re.compile(r"evt_[A-Za-z0-9_-]{1,60}", re.ASCII)
NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field


@dataclass(frozen=True)
class Signal:
    """What the body says, checked."""

    verdict: Verdict
    reference: str
    reason: str


@csrf_exempt
def approval(request: HttpRequest) -> HttpResponse:
    """Authenticate, read, decide once, answer. Errors are JSON, see reviews/problems.py."""
    if request.method != "POST":
        refusal = HttpResponseNotAllowed(["POST"], content_type="application/json")
        refusal.content = json.dumps(error_body("method_not_allowed", "Only POST."))
        return refusal
    try:
        body = _body(request)
        reviewer = _caller(request, body)
        signal = _read(body)
    except Refused as refused:
        response = problem(refused.status, refused.code, refused.message, field=refused.field)
        if refused.status == 401:
            response["WWW-Authenticate"] = CHALLENGE
        return response
    request.reference = signal.reference  # for Django's own log line, see governance/logs.py
    with log_reference(signal.reference):
        return _decide(signal, reviewer)


def _decide(signal: Signal, reviewer: User) -> HttpResponse:
    try:
        decision = actions.decide(
            visible_request(reviewer, signal.reference), reviewer=reviewer, verdict=signal.verdict,
            reason=signal.reason, source=Source.WEBHOOK,
        )
    except Http404 as error:
        return problem(404, "not_found", str(error), field="event_id")
    except GovernanceError as error:
        log.info("webhook: %s by %s refused: %s", signal.verdict, reviewer.username, error)
        return problem_of(error)
    log.info("webhook: %s by %s", decision.verdict, reviewer.username)
    return JsonResponse({"status": "Signal Sent", "decision": str(decision.verdict)})


def _body(request: HttpRequest) -> bytes:
    """At most MAX_BODY bytes, also when the length was not announced. Raises Refused (413)."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    body = b"" if announced.isdecimal() and int(announced) > MAX_BODY else request.read(MAX_BODY + 1)
    if len(body) > MAX_BODY or (announced.isdecimal() and int(announced) > MAX_BODY):
        raise Refused(413, "too_large", f"The body has more than {MAX_BODY // 1024} KiB.")
    return body


# -- who calls -------------------------------------------------------------------------------


def _caller(request: HttpRequest, body: bytes) -> User:
    """The person in whose name the call decides. Raises Refused (401, 403)."""
    token = bearer_of(request)
    signature = request.headers.get("X-Atlas-Signature")
    if token is not None and signature is not None:
        raise Refused(401, "not_authenticated", "Send either an API token or a signature, not both.")
    if signature is not None:
        _check_signature(request, signature, body)
        return _webhook_reviewer()
    if token is None:
        raise Refused(401, "not_authenticated", "Send a reviewer's API token as `Authorization: Bearer …`.")
    user = user_of_token(token)
    if user is None:
        raise Refused(401, "not_authenticated", NOT_A_REVIEWER)
    return user


def _webhook_reviewer() -> User:
    user = User.objects.filter(username=settings.WEBHOOK_REVIEWER, is_active=True).first()
    if user is None:
        log.error("ATLAS_WEBHOOK_REVIEWER names nobody; signed calls cannot decide")
        raise Refused(403, "not_allowed", "Signed calls have no active reviewer here (ATLAS_WEBHOOK_REVIEWER).")
    return user


def _check_signature(request: HttpRequest, signature: str, body: bytes) -> None:
    """X-Atlas-Signature: sha256=hex(HMAC(secret, timestamp + "." + body)). Raises Refused (401)."""
    if not settings.WEBHOOK_SECRET:
        raise Refused(401, "not_authenticated", "Signed calls are not enabled (ATLAS_WEBHOOK_SECRET).")
    sent = request.headers.get("X-Atlas-Timestamp", "")
    if not re.fullmatch(r"[0-9]{1,11}", sent):
        raise Refused(401, "not_authenticated", "X-Atlas-Timestamp must be the time in whole seconds since 1970.")
    expected = hmac.new(settings.WEBHOOK_SECRET.encode(), f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"sha256={expected}".encode(), signature.strip().lower().encode("utf-8", "replace")):
        raise Refused(401, "not_authenticated", "The signature does not fit the body and the timestamp.")
    at = datetime.fromtimestamp(int(sent), UTC)
    if abs(timezone.now() - at) > WINDOW:
        raise Refused(401, "stale", "The timestamp is more than 5 minutes away from this gateway's clock.")
    _use_once(expected, at + WINDOW)


def _use_once(digest: str, until: datetime) -> None:
    SeenSignature.objects.filter(expires_at__lt=timezone.now() - KEPT).delete()
    try:
        with transaction.atomic():
            SeenSignature.objects.create(digest=digest, expires_at=until)
    except IntegrityError:
        raise Refused(401, "replayed", "This signed call was already received. Sign it anew to repeat it.") from None


# -- what the body says ----------------------------------------------------------------------


def _read(body: bytes) -> Signal:
    """The signal in the body. Raises Refused (400) naming the field."""
    try:
        data = loads(body)
    except BadJson as error:
        raise Refused(400, "invalid" if error.field else "invalid_json", str(error), error.field) from None
    if not isinstance(data, dict):
        raise Refused(400, "invalid", "The body must be a JSON object with decision and event_id.")
    for name in data:
        if name not in FIELDS:
            raise _invalid(printable(name), f"There is no field {printable(name)}; there are {', '.join(FIELDS)}.")
    return Signal(_verdict(data), _reference(data), _reason(data))


def _verdict(data: dict[str, Any]) -> Verdict:
    value = data.get("decision")
    if not isinstance(value, str) or value not in VERDICTS:
        raise _invalid("decision", "decision must be APPROVED or REJECTED (DENIED means the same).")
    return VERDICTS[value]


def _reference(data: dict[str, Any]) -> str:
    value = data.get("event_id")
    if not isinstance(value, str) or not REFERENCE.fullmatch(value):
        raise _invalid("event_id", "event_id must be the reference of a request, evt_ and 16 hexadecimal digits.")
    return value


def _reason(data: dict[str, Any]) -> str:
    value = data.get("reason")
    if value is None:
        return ""
    if not isinstance(value, str) or NOT_STORABLE.search(value):
        raise _invalid("reason", "reason must be text, without NUL and lone surrogates.")
    return value


def _invalid(field: str, message: str) -> Refused:
    return Refused(400, "invalid", message, field)
