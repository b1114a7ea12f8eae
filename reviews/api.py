"""REST under /api/ (DRF): requests, decide, agents, health. docs/api.md shows it; /api/schema describes it.

Every read starts at visible_to(user); every error has the shape of reviews/problems.py. What is shared: api_base.py;
tools, tool servers, teams and policies: api_catalog.py; definitions: api_definitions.py; halt and resume: api_halts.py.
"""

import logging

from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from governance import actions
from governance.logs import log_reference
from governance.models import Agent, Decision, GovernanceRequest
from governance.models.decisions import Source
from governance.states import Verdict
from reviews import serializers as shapes
from reviews.access import visible_request
from reviews.api_base import INVALID, NO_METHOD, NOT_FOUND, READ_ERRORS, THROTTLED, WRITE_ERRORS, ApiView
from reviews.filters import PAGING, RequestFilter, ranges
from reviews.health import health_body, reasons_not_ready
from reviews.names import attach_names
from reviews.pagination import BY_ID, NEWEST, Cursor

log = logging.getLogger(__name__)
PARTS = ("team", "agent", "tool__server", "policy_version", "claimed_by")  # what a row shows


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
        rows = visible.select_related(*PARTS).in_bulk([pk for _, pk in keys])
        found = [rows[pk] for _, pk in keys if pk in rows]
        attach_names(found)
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
    """The verdict of whoever calls, on the arguments as they were received, or as they are sent here.

    It takes effect at once, claimed or not: claims and the time for an undo are for people at the console's screens.
    """

    invalid_field = "arguments"  # the reason's bounds are checked before

    @extend_schema(
        operation_id="decide_request", summary="Approve or reject exactly this call",
        description=(
            "Of several at once exactly one wins. Repeated with the same verdict it is a 200. With `arguments` that "
            "differ from the agent's, those run, and the agent is told what changed. It takes effect at once, and also "
            "while somebody else has claimed the request."
        ),
        request=shapes.VerdictSerializer, responses={200: shapes.DecidedSerializer, **WRITE_ERRORS},
        examples=[
            OpenApiExample("approve", value={"verdict": "APPROVED", "reason": "Spoke to her."}, request_only=True),
            OpenApiExample("approve another call", value={
                "verdict": "APPROVED", "reason": "One week is enough.",
                "arguments": {"beneficiary_id": "BEN-123", "days": 7, "reason": "Hardship"},
            }, request_only=True),
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
                arguments=body.validated_data.get("arguments"),
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
