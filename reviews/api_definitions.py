"""REST: definitions of tools that wait for a person, to read, accept and reject."""

import logging

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance import actions
from governance.models import ToolVersion, User
from reviews import serializers_catalog as shapes
from reviews.api_base import WRITE_ERRORS, ApiView, described
from reviews.api_catalog import FOUND_ERRORS, Rows, listed, one
from reviews.serializers import ReasonSerializer

log = logging.getLogger(__name__)

OUTDATED = described(
    "The server offers another definition by now, or the one to reject is accepted.", "wrong_state",
    "files__read is offered with another definition by now. Look at that one.",
)
FORBIDDEN = described(
    "Only reviewers, operators and admins of the team decide.", "not_allowed",
    "Only reviewers, operators and admins of Payments decide on the definitions of its tools.",
)
DECISION_ERRORS = {**WRITE_ERRORS, 403: FORBIDDEN, 409: OUTDATED}


def visible_versions(user: User) -> QuerySet:
    return ToolVersion.objects.visible_to(user).select_related("tool__server__team", "decided_by")


class Definitions(Rows):
    """New and changed definitions that wait for a person; the longest waiting one comes first."""

    queryset = ToolVersion.objects.none()  # for the schema
    serializer_class = shapes.DefinitionSerializer

    def rows(self, user: User) -> QuerySet:
        return ToolVersion.objects.visible_to(user).pending()

    def shown(self, rows: QuerySet) -> QuerySet:
        return rows.select_related("tool__server__team", "decided_by").only(
            "digest", "verdict", "seen_at", "decided_at", "reason", "decided_by__username", "tool__exposed_name",
            "tool__digest", "tool__offered_digest", "tool__withdrawn_at", "tool__server__slug",
            "tool__server__team__slug",
        )

    @extend_schema(
        operation_id="list_definitions", summary="Definitions that wait for a person",
        responses=listed(shapes.DefinitionSerializer),
    )
    def get(self, request: Request) -> Response:
        return self.page(request)


class DefinitionDetail(ApiView):
    """One definition, what it changes, and what in its texts should make you look twice."""

    @extend_schema(
        operation_id="read_definition", summary="One definition, its changes and findings",
        responses={200: shapes.DefinitionDetailSerializer, **FOUND_ERRORS},
    )
    def get(self, request: Request, id: int) -> Response:
        version = one(visible_versions(request.user), "definition", id)
        return Response(shapes.DefinitionDetailSerializer(version).data)


class AcceptDefinition(ApiView):
    """Agents may call the tool as it is defined here, from now on."""

    @extend_schema(
        operation_id="accept_definition", summary="Accept exactly this definition",
        description="Repeated it is a 200 and changes nothing: who accepted it first stays.",
        request=ReasonSerializer, responses={200: shapes.DefinitionSerializer, **DECISION_ERRORS},
        examples=[OpenApiExample("accept", value={"reason": "Read it with the vendor."}, request_only=True)],
    )
    def post(self, request: Request, id: int) -> Response:
        version, reason = _asked(request, id)
        actions.accept_definition(version, reason=reason, by=request.user)
        return _stands(request, id, "accepted")


class RejectDefinition(ApiView):
    """The tool stays quarantined: agents neither see nor call it."""

    @extend_schema(
        operation_id="reject_definition", summary="Reject exactly this definition",
        description="It can still be accepted later, as long as the server offers it.",
        request=ReasonSerializer, responses={200: shapes.DefinitionSerializer, **DECISION_ERRORS},
        examples=[OpenApiExample("reject", value={"reason": "It tells the agent what to do."}, request_only=True)],
    )
    def post(self, request: Request, id: int) -> Response:
        version, reason = _asked(request, id)
        actions.reject_definition(version, reason=reason, by=request.user)
        return _stands(request, id, "rejected")


def _asked(request: Request, id: int) -> tuple[ToolVersion, str]:
    version = one(visible_versions(request.user), "definition", id)
    body = ReasonSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    return version, body.validated_data["reason"]


def _stands(request: Request, id: int, done: str) -> Response:
    version = visible_versions(request.user).get(pk=id)
    log.info("api: definition %s of %s %s by %s", version.digest[:12], version.tool, done, request.user.username)
    return Response(shapes.DefinitionSerializer(version).data)
