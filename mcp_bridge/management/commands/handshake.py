"""`make handshake`: test_handshake.py against the local gateway, with credentials that live only as long as it runs."""

import http.client
import os
import subprocess
import sys
import uuid
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from governance import actions
from governance.management.base import Error, PlainCommand
from governance.models import Agent, AgentToken, ApiToken, User

SECONDS_AT_MOST = 240


class Command(PlainCommand):
    help = "Runs test_handshake.py against the running local gateway with throwaway credentials."

    def handle(self, *args: Any, **options: Any) -> None:
        url = os.environ.get("ATLAS_GATEWAY_URL") or f"http://127.0.0.1:{settings.PORT}"
        _check_running(url)
        name = f"handshake-{uuid.uuid4().hex[:8]}"
        agent, agent_token = actions.create_agent(name)
        try:
            reviewer, _, api_token = actions.create_reviewer(name)
            try:
                code = _run(url, agent_token, api_token)
            finally:
                _retire_reviewer(reviewer)
        finally:
            _retire_agent(agent)
        sys.exit(code)


def _check_running(url: str) -> None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=10)
    try:
        connection.request("GET", "/health/live")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Error(f"No gateway runs at {url} ({error}). Start it in another terminal: make run") from error
    finally:
        connection.close()
    if status != 200:
        raise Error(f"What runs at {url} is no healthy gateway: /health/live answered {status}.")


def _run(url: str, agent_token: str, api_token: str) -> int:
    environment = {
        **os.environ, "ATLAS_GATEWAY_URL": url, "ATLAS_AGENT_TOKEN": agent_token, "ATLAS_REVIEWER_TOKEN": api_token,
    }
    script = [sys.executable, str(settings.BASE_DIR / "test_handshake.py")]
    try:
        return subprocess.run(script, env=environment, timeout=SECONDS_AT_MOST, check=False).returncode
    except subprocess.TimeoutExpired:
        raise Error(f"The handshake did not end within {SECONDS_AT_MOST} seconds.") from None


def _retire_agent(agent: Agent) -> None:
    for token in AgentToken.objects.filter(agent=agent):
        actions.revoke_token(token)
    actions.halt(agent, reason="Throwaway agent of make handshake")


def _retire_reviewer(reviewer: User) -> None:
    for token in ApiToken.objects.filter(user=reviewer):
        actions.revoke_token(token)
    User.objects.filter(pk=reviewer.pk).update(is_active=False)
