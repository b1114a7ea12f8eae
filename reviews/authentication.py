"""Who calls REST: a reviewer's API token, `Authorization: Bearer …`. Sessions are left to DRF, with CSRF."""

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from governance.models import User
from reviews.access import user_of_token

CHALLENGE = 'Bearer realm="ATLAS"'
NOT_A_REVIEWER = "This is not the valid API token of a reviewer."


def bearer_of(request: HttpRequest | Request) -> str | None:
    """The token of the Authorization header; None without the header, empty when it holds no bearer token."""
    header = request.META.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class ReviewerTokenAuthentication(BaseAuthentication):
    """Raises AuthenticationFailed (401) for any Authorization header that is not a live reviewer's token."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        token = bearer_of(request)
        if token is None:
            return None
        user = user_of_token(token)
        if user is None:
            raise AuthenticationFailed(NOT_A_REVIEWER)
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class ReviewerTokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names it; drf-spectacular finds the class by itself."""

    target_class = ReviewerTokenAuthentication
    name = "reviewerToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http", "scheme": "bearer",
            "description": "A reviewer's API token (`manage.py create_reviewer NAME --json`). An agent's is refused.",
        }
