"""REST: what a reviewer does with a waiting request beside deciding it (claim, ask, extend), and undo."""

import logging
from collections.abc import Callable
from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance import actions
from governance.logs import log_reference
from governance.models import GovernanceRequest, User
from reviews import serializers_review as bodies
from reviews.access import visible_request
from reviews.api_base import NOT_FOUND, READ_ERRORS, WRITE_ERRORS, ApiView, described
from reviews.serializers import RequestSerializer

log = logging.getLogger(__name__)

NOT_NOW = described(
    "Decided or expired meanwhile, or somebody else was faster.", "wrong_state",
    "evt_0123456789abcdef is approved; nothing waits for a decision.",
)
TAKEN = described(
    "Somebody else reads the case (`claimed`), or nothing waits for a decision.", "claimed",
    "tom is reading this case. Take it over to decide it yourself.",
)
TOO_LATE = described(
    "Nothing to undo: released, undone before, rejected, or not approved in the console.", "wrong_state",
    "It is too late to undo: evt_0123456789abcdef is released.",
)
ERRORS = {**WRITE_ERRORS, 409: NOT_NOW}
BODILESS_ERRORS = {**READ_ERRORS, 404: NOT_FOUND, 409: NOT_NOW}


def example(name: str, **value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


class ReviewView(ApiView):
    """get the request → read the body → one verb → the request as it is then."""

    body: type[serializers.Serializer] | None = None

    def act(self, request: Request, reference: str, verb: Callable[..., Any]) -> Any:
        """What the verb returns, called with the fields of the body."""
        with log_reference(reference):
            found = visible_request(request.user, reference)
            done = verb(found, reviewer=request.user, **self.fields(request, found))
            log.info("api: %s by %s", verb.__name__, request.user.username)
            return done

    def fields(self, request: Request, found: GovernanceRequest) -> dict[str, Any]:
        if self.body is None:
            return {}
        body = self.body(data=request.data)
        body.is_valid(raise_exception=True)
        return body.validated_data

    def shown(self, request: Request, reference: str) -> Response:
        return Response(RequestSerializer(visible_request(request.user, reference)).data)


class Claim(ReviewView):
    """For 15 minutes; again renews it. It keeps nobody from deciding but people at the console's screens."""

    body = bodies.ClaimBodySerializer

    @extend_schema(
        operation_id="claim_request", summary="Say that you read this case now",
        request=bodies.ClaimBodySerializer, responses={200: RequestSerializer, **ERRORS, 409: TAKEN},
        examples=[example("claim"), example("take over", take_over=True)],
    )
    def post(self, request: Request, reference: str) -> Response:
        self.act(request, reference, actions.claim)
        return self.shown(request, reference)


class Release(ReviewView):
    """Takes no body. A case that is not yours stays as it is."""

    @extend_schema(
        operation_id="release_request", summary="Let others read this case", request=None,
        responses={200: RequestSerializer, **BODILESS_ERRORS},
    )
    def post(self, request: Request, reference: str) -> Response:
        self.act(request, reference, actions.release)
        return self.shown(request, reference)


class HandOver(ReviewView):
    """The case is theirs for four hours, or until its deadline."""

    body, invalid_field = bodies.HandOverSerializer, "to"

    @extend_schema(
        operation_id="hand_over_request", summary="Give this case to a colleague",
        request=bodies.HandOverSerializer, responses={200: RequestSerializer, **ERRORS, 409: TAKEN},
        examples=[example("hand over", to="tom", note="You know this beneficiary.")],
    )
    def post(self, request: Request, reference: str) -> Response:
        self.act(request, reference, actions.hand_over)
        return self.shown(request, reference)

    def fields(self, request: Request, found: GovernanceRequest) -> dict[str, Any]:
        given = super().fields(request, found)
        to = User.objects.filter(username=given["to"], teams=found.team_id).first()
        if to is None:
            raise Http404(f"Nobody in the team {found.team} has the username {given['to'][:40]}.")
        return {**given, "to": to}


class Ask(ReviewView):
    """The agent meets it in check_status, in its task, and in the answer to its call. The deadline stands."""

    body, invalid_field = bodies.AskSerializer, "text"

    @extend_schema(
        operation_id="ask_agent", summary="Ask the agent about its call",
        description="One question at a time, 20 in all. The answer stands in `questions` of the request.",
        request=bodies.AskSerializer, responses={200: bodies.AskedSerializer, **ERRORS},
        examples=[example("ask", text="Which documents show the hardship?")],
    )
    def post(self, request: Request, reference: str) -> Response:
        return Response(bodies.AskedSerializer(self.act(request, reference, actions.ask)).data)


class Extend(ReviewView):
    """By one, four or 24 hours, and never beyond seven days after the call's arrival."""

    body, invalid_field = bodies.ExtendSerializer, "seconds"

    @extend_schema(
        operation_id="extend_request", summary="Give more time to decide",
        request=bodies.ExtendSerializer, responses={200: RequestSerializer, **ERRORS},
        examples=[example("extend", seconds=14400, reason="The documents come this afternoon.")],
    )
    def post(self, request: Request, reference: str) -> Response:
        self.act(request, reference, actions.extend)
        return self.shown(request, reference)


class Undo(ReviewView):
    """Takes no body. Only who approved, in the console, and only before `release_at`: nothing has run by then."""

    @extend_schema(
        operation_id="undo_approval", summary="Take an approval back before it is released", request=None,
        responses={200: RequestSerializer, **BODILESS_ERRORS, 409: TOO_LATE},
    )
    def post(self, request: Request, reference: str) -> Response:
        self.act(request, reference, actions.undo)
        return self.shown(request, reference)
