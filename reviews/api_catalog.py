"""REST: tools, tool servers, teams and policies, to read. They are changed in the admin and at the command line."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.models import Membership, PolicyVersion, Team, Tool, ToolServer, User
from reviews import serializers_catalog as shapes
from reviews.api_base import NOT_FOUND, READ_ERRORS, ApiView
from reviews.filters import PAGING
from reviews.keyset import Order
from reviews.pagination import BY_ID, Cursor

LATEST_FIRST = Order(("-id",), (int,))
FOUND_ERRORS = {**READ_ERRORS, 404: NOT_FOUND}


class Rows(ApiView, generics.ListAPIView):
    """A list by keyset: `rows` are what it holds for this person, `shown` adds what it takes to show some of them."""

    filter_backends = ()
    pagination_class = Cursor
    parameters = frozenset(PAGING)
    order = BY_ID

    def rows(self, user: User) -> QuerySet:
        return self.queryset.model.objects.visible_to(user)

    def shown(self, rows: QuerySet) -> QuerySet:
        raise NotImplementedError

    def page(self, request: Request, **context: Any) -> Response:
        visible = self.rows(request.user)
        ids = [pk for (pk,) in self.paginator.read(request, self.order, [visible])]
        found = self.shown(visible.filter(pk__in=ids)).order_by(*self.order.fields)
        return self.get_paginated_response(self.serializer_class(found, many=True, context=context).data)


def one(rows: QuerySet, noun: str, pk: int) -> Any:
    """Raises Http404 alike for hidden and for unknown."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no {noun} {pk} that you can see.")
    return found


def listed(shape: type[serializers.Serializer]) -> dict[int, Any]:
    return {200: shape(many=True), **FOUND_ERRORS}


class Tools(Rows):
    """Tools of your teams, also those that wait for a person and those that their server withdrew."""

    queryset = Tool.objects.none()  # for the schema
    serializer_class = shapes.ToolSerializer

    def shown(self, rows: QuerySet) -> QuerySet:
        unread = ("description", "input_schema", "output_schema", "annotations", "meta")
        return rows.select_related("server__team").defer(*unread, "server__sealed", "server__instructions")

    @extend_schema(operation_id="list_tools", summary="Tools you can see", responses=listed(shapes.ToolSerializer))
    def get(self, request: Request) -> Response:
        return self.page(request)


class ToolDetail(ApiView):
    """One tool with the definition that people accepted."""

    @extend_schema(
        operation_id="read_tool", summary="One tool: its state, description and schemas",
        responses={200: shapes.ToolDetailSerializer, **FOUND_ERRORS},
    )
    def get(self, request: Request, id: int) -> Response:
        tool = one(Tool.objects.visible_to(request.user).select_related("server__team"), "tool", id)
        return Response(shapes.ToolDetailSerializer(tool).data)


class ToolServers(Rows):
    """Tool servers of your teams. Their addresses end at the port, and secrets are never shown."""

    queryset = ToolServer.objects.none()  # for the schema
    serializer_class = shapes.ToolServerSerializer

    def shown(self, rows: QuerySet) -> QuerySet:
        return rows.select_related("team").defer("instructions")

    @extend_schema(
        operation_id="list_tool_servers", summary="Tool servers you can see",
        responses=listed(shapes.ToolServerSerializer),
    )
    def get(self, request: Request) -> Response:
        return self.page(request)


class ToolServerDetail(ApiView):
    """One tool server of your teams, and how many tools it offers."""

    @extend_schema(
        operation_id="read_tool_server", summary="One tool server: its state, limits and tools",
        responses={200: shapes.ToolServerDetailSerializer, **FOUND_ERRORS},
    )
    def get(self, request: Request, id: int) -> Response:
        server = one(ToolServer.objects.visible_to(request.user).select_related("team"), "tool server", id)
        return Response(shapes.ToolServerDetailSerializer(server).data)


class Teams(Rows):
    """The teams that you belong to."""

    queryset = Team.objects.none()  # for the schema
    serializer_class = shapes.TeamSerializer

    def shown(self, rows: QuerySet) -> QuerySet:
        return rows

    @extend_schema(operation_id="list_teams", summary="Teams you can see", responses=listed(shapes.TeamSerializer))
    def get(self, request: Request) -> Response:
        return self.page(request, roles=_roles(request.user))


class TeamDetail(ApiView):
    """One of the teams that you belong to."""

    @extend_schema(
        operation_id="read_team", summary="One team, and your role in it",
        responses={200: shapes.TeamSerializer, **FOUND_ERRORS},
    )
    def get(self, request: Request, id: int) -> Response:
        team = one(Team.objects.visible_to(request.user), "team", id)
        return Response(shapes.TeamSerializer(team, context={"roles": _roles(request.user)}).data)


class Policies(Rows):
    """Every version of your teams' policies, newest first; the text is in the detail."""

    queryset = PolicyVersion.objects.none()  # for the schema
    serializer_class = shapes.PolicySerializer
    order = LATEST_FIRST

    def shown(self, rows: QuerySet) -> QuerySet:
        return rows.select_related("team", "created_by", "activated_by").defer("text")

    @extend_schema(
        operation_id="list_policies", summary="Policy versions you can see, newest first",
        responses=listed(shapes.PolicySerializer),
    )
    def get(self, request: Request) -> Response:
        return self.page(request)


class PolicyDetail(ApiView):
    """One version of a policy, word for word."""

    @extend_schema(
        operation_id="read_policy", summary="One policy version with its text",
        responses={200: shapes.PolicyDetailSerializer, **FOUND_ERRORS},
    )
    def get(self, request: Request, id: int) -> Response:
        rows = PolicyVersion.objects.visible_to(request.user).select_related("team", "created_by", "activated_by")
        return Response(shapes.PolicyDetailSerializer(one(rows, "policy", id)).data)


def _roles(user: User) -> dict[int, str]:
    return dict(Membership.objects.filter(user=user).values_list("team_id", "role"))
