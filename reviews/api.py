"""REST under /api/ (DRF): requests, decide, agents, health. docs/api.md shows it; /api/schema describes it.

Every read starts at visible_to(user); every error has the shape of reviews/problems.py.
"""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import exceptions, generics
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView, set_rollback

from governance import actions
from governance.errors import GovernanceError, InvalidArguments
from governance.logs import log_reference
from governance.models import Agent, Decision, GovernanceRequest
from governance.models.decisions import Source
from governance.states import Verdict
from reviews import serializers as shapes
from reviews.access import visible_request
from reviews.filters import PAGING, RequestFilter, ranges, refuse_unknown_parameters
from reviews.health import health_body, reasons_not_ready
from reviews.pagination import BY_ID, NEWEST, Cursor
from reviews.problems import error_body, status_and_code
from reviews.strict_json import MAX_BODY, BadJson, loads

log = logging.getLogger(__name__)


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
        field = "reason" if isinstance(error, InvalidArguments) else ""
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

    def get_exception_handler(self) -> Any:
        return answer_error

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        refuse_unknown_parameters(request, self.parameters)


# -- what the schema says of errors ----------------------------------------------------------


def _error(description: str, code: str, message: str, field: str = "") -> OpenApiResponse:
    example = OpenApiExample(code, value=error_body(code, message, field), response_only=True)
    return OpenApiResponse(shapes.ProblemSerializer, description=description, examples=[example])


INVALID = _error("A value cannot be read; the field is named.", "invalid", "Enter a whole number.", "risk_min")
NOT_AUTHENTICATED = _error(
    "No valid credentials.", "not_authenticated", "Authentication credentials were not provided."
)
NOT_ALLOWED = _error(
    "No right to do this.", "not_allowed", "You own this agent. Somebody else must decide its requests."
)
NOT_FOUND = _error(
    "Unknown, or hidden from you.", "not_found", "There is no request evt_0123456789abcdef that you can see."
)
NO_METHOD = _error("Another method than the documented ones.", "method_not_allowed", 'Method "PUT" not allowed.')
DECIDED = _error(
    "Decided before (by whom and when), expired, or not waiting.", "already_decided",
    "evt_0123456789abcdef is already decided: approved by sarah at 2026-11-21 12:00:00 UTC.",
)
LARGE = _error("A body over 64 KiB.", "too_large", TooLarge.default_detail)
NOT_JSON = _error("Another content type than application/json.", "unsupported_media_type", "Unsupported media type.")
THROTTLED = _error("Too many calls; Retry-After says when to go on.", "throttled", "Request was throttled.")
READ_ERRORS = {400: INVALID, 401: NOT_AUTHENTICATED, 403: NOT_ALLOWED, 405: NO_METHOD, 429: THROTTLED}
WRITE_ERRORS = {**READ_ERRORS, 404: NOT_FOUND, 409: DECIDED, 413: LARGE, 415: NOT_JSON}


# -- the views -------------------------------------------------------------------------------


class Requests(ApiView, generics.ListAPIView):
    """Requests of your teams. Filters combine; a page can be short of `limit` while `next` still leads on."""

    queryset = GovernanceRequest.objects.none()  # for the schema
    serializer_class = shapes.RequestSerializer
    filterset_class = RequestFilter
    pagination_class = Cursor
    parameters = frozenset({*RequestFilter.base_filters, *PAGING})

    @extend_schema(
        operation_id="list_requests", summary="Requests you can see, newest first",
        responses={200: shapes.RequestSerializer(many=True), **READ_ERRORS, 404: NOT_FOUND},
    )
    def get(self, request: Request) -> Response:
        wanted = RequestFilter(request.query_params, self.queryset, request=request).wanted()
        keys = self.paginator.read(request, NEWEST, *ranges(request.user, wanted))
        visible = GovernanceRequest.objects.visible_to(request.user)
        rows = visible.select_related("team", "agent", "tool", "tool__server").in_bulk([pk for _, pk in keys])
        found = [rows[pk] for _, pk in keys if pk in rows]
        return self.get_paginated_response(shapes.RequestSerializer(found, many=True).data)


class RequestDetail(ApiView):
    """Everything a reviewer may know of one request; hidden ones are as unknown as missing ones."""

    @extend_schema(
        operation_id="read_request", summary="One request: arguments, assessment, decisions, history, result",
        responses={200: shapes.RequestDetailSerializer, **READ_ERRORS, 404: NOT_FOUND},
    )
    def get(self, request: Request, reference: str) -> Response:
        with log_reference(reference):
            found = visible_request(request.user, reference)
            return Response(shapes.RequestDetailSerializer(found).data)


class Decide(ApiView):
    """The verdict of whoever calls, on the arguments as they were received."""

    @extend_schema(
        operation_id="decide_request", summary="Approve or reject exactly this call",
        description="Of several at once exactly one wins. Repeated with the same verdict it is a 200.",
        request=shapes.VerdictSerializer, responses={200: shapes.DecidedSerializer, **WRITE_ERRORS},
        examples=[
            OpenApiExample("approve", value={"verdict": "APPROVED", "reason": "Spoke to her."}, request_only=True),
        ],
    )
    def post(self, request: Request, reference: str) -> Response:
        with log_reference(reference):
            found = visible_request(request.user, reference)
            body = shapes.VerdictSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            decision = actions.decide(
                found, reviewer=request.user, verdict=Verdict(body.validated_data["verdict"]),
                reason=body.validated_data["reason"], source=Source.API,
            )
            log.info("api: %s by %s", decision.verdict, request.user.username)
            stands = Decision.objects.select_related("request", "reviewer").get(pk=decision.pk)
            return Response(shapes.DecidedSerializer(stands).data)


class Agents(ApiView, generics.ListAPIView):
    """Agents of your teams, oldest first."""

    queryset = Agent.objects.none()  # for the schema
    serializer_class = shapes.AgentSerializer
    filter_backends = ()
    pagination_class = Cursor
    parameters = frozenset(PAGING)

    @extend_schema(
        operation_id="list_agents", summary="Agents you can see",
        responses={200: shapes.AgentSerializer(many=True), **READ_ERRORS, 404: NOT_FOUND},
    )
    def get(self, request: Request) -> Response:
        visible = Agent.objects.visible_to(request.user)
        ids = [pk for (pk,) in self.paginator.read(request, BY_ID, [visible])]
        found = visible.filter(pk__in=ids).select_related("team", "owner").order_by("id")
        return self.get_paginated_response(shapes.AgentSerializer(found, many=True).data)


class AgentDetail(ApiView):
    """One agent of your teams."""

    @extend_schema(
        operation_id="read_agent", summary="One agent and how many of its requests are open",
        responses={200: shapes.AgentDetailSerializer, **READ_ERRORS, 404: NOT_FOUND},
    )
    def get(self, request: Request, id: int) -> Response:
        agent = Agent.objects.visible_to(request.user).select_related("team", "owner").filter(pk=id).first()
        if agent is None:
            raise Http404(f"There is no agent {id} that you can see.")
        return Response(shapes.AgentDetailSerializer(agent).data)


class Health(ApiView):
    """The same answer as /health/ready."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="read_health", summary="Whether the gateway is ready, and why not",
        auth=[],
        responses={
            200: shapes.HealthSerializer, 503: shapes.HealthSerializer,
            400: INVALID, 405: NO_METHOD, 429: THROTTLED,
        },
    )
    def get(self, request: Request) -> Response:
        reasons = reasons_not_ready()
        return Response(health_body(reasons), status=503 if reasons else 200)
