"""REST: halt and resume an agent, a tool, a tool server or a team."""

import logging
from collections.abc import Callable

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance import actions
from reviews.api_base import LARGE, NOT_FOUND, NOT_JSON, READ_ERRORS, ApiView, described
from reviews.serializers import ReasonSerializer
from reviews.serializers_catalog import HaltedSerializer
from reviews.views.halts import find

log = logging.getLogger(__name__)

# As the address names it: as the console does, and as the answer does.
KINDS = {
    "agents": ("agent", "agent"), "tools": ("tool", "tool"), "tool-servers": ("server", "tool_server"),
    "teams": ("team", "team"),
}
KIND = OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(KINDS), description="What is halted or resumed.")
FORBIDDEN = described(
    "Only reviewers, operators and admins of its team halt and resume.", "not_allowed",
    "Only reviewers, operators and admins of Payments may halt or resume this agent.",
)
ERRORS = {**READ_ERRORS, 403: FORBIDDEN, 404: NOT_FOUND, 413: LARGE, 415: NOT_JSON}


class Halt(ApiView):
    """New calls are refused with the reason, waiting ones are parked, executing ones finish."""

    @extend_schema(
        operation_id="halt", summary="Stop an agent, a tool, a tool server or a team at once", parameters=[KIND],
        tags=["halts"],
        description="In force in every process within a second. Halted again it stays as it is: `changed` is false.",
        request=ReasonSerializer, responses={200: HaltedSerializer, **ERRORS},
        examples=[
            OpenApiExample("halt", value={"reason": "It pays the same bill again."}, request_only=True),
            OpenApiExample("halted", value={
                "kind": "agent", "id": 7, "name": "pay-desk", "is_halted": True, "halted_at": "2026-11-21T12:00:00Z",
                "halted_reason": "It pays the same bill again.", "changed": True,
            }, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request, kind: str, id: int) -> Response:
        return _switch(request, kind, id, actions.halt)


class Resume(ApiView):
    """What was parked waits for its decision again, until its deadline."""

    @extend_schema(
        operation_id="resume", summary="Let it go on: a recorded act of its own", parameters=[KIND],
        tags=["halts"],
        description="Resumed while it runs it stays as it is: `changed` is false.",
        request=ReasonSerializer, responses={200: HaltedSerializer, **ERRORS},
        examples=[
            OpenApiExample("resume", value={"reason": "Its prompt is corrected."}, request_only=True),
            OpenApiExample("resumed", value={
                "kind": "agent", "id": 7, "name": "pay-desk", "is_halted": False, "halted_at": None,
                "halted_reason": "", "changed": True,
            }, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request, kind: str, id: int) -> Response:
        return _switch(request, kind, id, actions.resume)


def _switch(request: Request, kind: str, id: int, verb: Callable[..., bool]) -> Response:
    console_kind, shown_kind = KINDS[kind]
    subject = find(request.user, console_kind, id)
    body = ReasonSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    changed = verb(subject, reason=body.validated_data["reason"], by=request.user)
    if not changed:  # somebody else was faster: their act stands, with their reason
        subject.refresh_from_db(fields=["halted_at", "halted_reason"])
    log.info("api: %s %s %s by %s, changed: %s", verb.__name__, shown_kind, subject, request.user.username, changed)
    return Response(HaltedSerializer({"kind": shown_kind, "subject": subject, "changed": changed}).data)
