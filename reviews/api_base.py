"""What every address under /api/ shares: how bodies are read, how it refuses, and what the schema says of errors."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView, set_rollback

from governance.errors import GovernanceError, InvalidArguments
from reviews.filters import refuse_unknown_parameters
from reviews.problems import error_body, status_and_code
from reviews.serializers import ProblemSerializer
from reviews.strict_json import MAX_BODY, BadJson, loads


class TooLarge(exceptions.APIException):
    status_code = 413
    default_detail = f"The body has more than {MAX_BODY // 1024} KiB."
    default_code = "too_large"


class StrictJSONParser(JSONParser):
    """Raises TooLarge, ValidationError for a repeated field, and ParseError."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: dict | None = None) -> Any:
        body = stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise TooLarge
        try:
            return loads(body)
        except BadJson as error:
            if error.field:
                raise exceptions.ValidationError({error.field: str(error)}) from None
            raise exceptions.ParseError(str(error)) from None


class AlwaysJSON(BaseContentNegotiation):
    """Whatever Accept says, the answer is JSON; there is no 406."""

    def select_parser(self, request: Request, parsers: list[Any]) -> Any:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class ApiThrottle(UserRateThrottle):
    """Per person and process: generous for people and scripts, a bound for a loop that went wild."""

    rate = "1200/min"


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every refusal as {"error": {"code", "message", "field"?}}; None leaves a 500 to the handler."""
    set_rollback()
    if isinstance(error, Http404):
        return Response(error_body("not_found", str(error) or "There is nothing at this address."), status=404)
    if isinstance(error, PermissionDenied):
        return Response(error_body("not_allowed", str(error) or "You may not do this."), status=403)
    if isinstance(error, GovernanceError):
        status, code = status_and_code(error)
        field = context["view"].invalid_field if isinstance(error, InvalidArguments) else ""
        return Response(error_body(code, str(error), field), status=status)
    if isinstance(error, DjangoValidationError):
        error = exceptions.ValidationError(error.messages)
    if isinstance(error, exceptions.APIException):
        return _answer_api_exception(error)
    return None


def _answer_api_exception(error: exceptions.APIException) -> Response:
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    field, message = _first(error.detail)
    code = "invalid" if isinstance(error, exceptions.ValidationError) else error.default_code
    return Response(error_body(code, message, field), status=error.status_code, headers=headers)


def _first(detail: Any, field: str = "") -> tuple[str, str]:
    """The first complaint of DRF's nested detail, and the field it is about."""
    while not isinstance(detail, str):
        if isinstance(detail, dict):
            name, detail = next(iter(detail.items()))
            field = field or ("" if name == "non_field_errors" else str(name))
        else:
            detail = detail[0]
    return field, str(detail)


class ApiView(APIView):
    """What every view under /api/ shares."""

    content_negotiation_class = AlwaysJSON
    parser_classes = (StrictJSONParser,)
    throttle_classes = (ApiThrottle,)
    metadata_class = None
    parameters: frozenset[str] = frozenset()
    invalid_field = "reason"  # the one of the body that a verb's InvalidArguments is about

    def get_exception_handler(self) -> Any:
        return answer_error

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        refuse_unknown_parameters(request, self.parameters)


# -- what the schema says of errors ----------------------------------------------------------


def described(description: str, code: str, message: str, field: str = "") -> OpenApiResponse:
    example = OpenApiExample(code, value=error_body(code, message, field), response_only=True)
    return OpenApiResponse(ProblemSerializer, description=description, examples=[example])


INVALID = described("A value cannot be read; the field is named.", "invalid", "Enter a whole number.", "risk_min")
NOT_AUTHENTICATED = described(
    "No valid credentials.", "not_authenticated", "Authentication credentials were not provided."
)
NOT_ALLOWED = described(
    "No right to do this.", "not_allowed", "You own this agent. Somebody else must decide its requests."
)
NOT_FOUND = described(
    "Unknown, or hidden from you.", "not_found", "There is no request evt_0123456789abcdef that you can see."
)
NO_METHOD = described("Another method than the documented ones.", "method_not_allowed", 'Method "PUT" not allowed.')
DECIDED = described(
    "Decided before (by whom and when), expired, or not waiting.", "already_decided",
    "evt_0123456789abcdef is already decided: approved by sarah at 2026-11-21 12:00:00 UTC.",
)
LARGE = described("A body over 64 KiB.", "too_large", TooLarge.default_detail)
NOT_JSON = described("Another content type than application/json.", "unsupported_media_type", "Unsupported media type.")
THROTTLED = described("Too many calls; Retry-After says when to go on.", "throttled", "Request was throttled.")
READ_ERRORS = {400: INVALID, 401: NOT_AUTHENTICATED, 403: NOT_ALLOWED, 405: NO_METHOD, 429: THROTTLED}
WRITE_ERRORS = {**READ_ERRORS, 404: NOT_FOUND, 409: DECIDED, 413: LARGE, 415: NOT_JSON}
