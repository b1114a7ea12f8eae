"""A reviewer, and calls to REST as her program makes them."""

import json

import pytest
from django.core.cache import cache
from django.test import Client

from governance.actions import issue_api_token
from tests.factories import make_reviewer


@pytest.fixture
def unthrottled():
    cache.clear()


@pytest.fixture
def sarah():
    return make_reviewer("sarah")


@pytest.fixture
def as_sarah(sarah, client):
    """A browser in which she is logged in."""
    client.force_login(sarah)
    return client


@pytest.fixture
def call(sarah, unthrottled):
    token = issue_api_token(sarah)

    def send(method, path, body=None, *, by=token, content_type="application/json"):
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {by}"} if by else {}
        return Client().generic(method, path, data, content_type, headers=headers)

    return send
