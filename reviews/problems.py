"""Errors towards programs: one JSON shape, {"error": {"code", "message", "field"?}}, on REST, webhook and health."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from governance.actions.claim import Claimed
from governance.errors import AlreadyDecided, GovernanceError, InvalidArguments, LimitExceeded, NotAllowed, WrongState

# Addresses that programs read; people get the pages of templates/.
PROGRAM_PATHS = ("/api/", "/webhook/", "/health/", "/metrics")

CODES: dict[type[GovernanceError], tuple[int, str]] = {
    NotAllowed: (403, "not_allowed"),
    AlreadyDecided: (409, "already_decided"),
    Claimed: (409, "claimed"),
    WrongState: (409, "wrong_state"),
    InvalidArguments: (400, "invalid"),
    LimitExceeded: (429, "limit_exceeded"),
}


def error_body(code: str, message: str, field: str = "") -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message, **({"field": field} if field else {})}}


def problem(status: int, code: str, message: str, *, field: str = "") -> JsonResponse:
    return JsonResponse(error_body(code, message, field), status=status)


def status_and_code(error: GovernanceError) -> tuple[int, str]:
    """The HTTP status of a verb's refusal; 500 for one that no caller can cause."""
    for kind in type(error).__mro__:
        if kind in CODES:
            return CODES[kind]
    return 500, "internal"


def problem_of(error: GovernanceError) -> JsonResponse:
    """What decide() raised, as an answer. Of its arguments only the reason can be invalid."""
    status, code = status_and_code(error)
    return problem(status, code, str(error), field="reason" if isinstance(error, InvalidArguments) else "")


def _for_programs(request: HttpRequest) -> bool:
    return request.path.startswith(PROGRAM_PATHS)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _for_programs(request):
        return problem(400, "bad_request", "The request is malformed.")
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _for_programs(request):
        return problem(403, "not_allowed", "You may not do this.")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _for_programs(request):
        return problem(404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if _for_programs(request):
        return problem(500, "internal", "The gateway failed; its log has the details.")
    return defaults.server_error(request)
