"""The first run's reviewer and agent. Their secrets exist in clear only in memory, until they were shown.

A run that is killed before it showed them leaves a FirstRun row without `shown_at`; the next one makes new secrets.
"""

import secrets
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from governance import actions
from governance.models import Agent, AgentToken, ApiToken, Role, Team, User
from mcp_bridge.models import FirstRun

REVIEWER = "sarah"
AGENT = "demo-agent"


@dataclass(frozen=True)
class Credentials:
    """In clear. A part is empty where somebody of that name existed before and was left alone."""

    password: str = ""
    api_token: str = ""
    agent_token: str = ""


def prepare_credentials() -> Credentials | None:
    """What to show once, or None when it was shown before. Nothing else counts as the first run."""
    with transaction.atomic():
        run = FirstRun.objects.select_for_update().first()
        if run is None:
            return _begin()
        return _begin_again(run) if run.shown_at is None else None


def mark_shown() -> None:
    FirstRun.objects.filter(shown_at=None).update(shown_at=timezone.now())


def _begin() -> Credentials:
    run, password, api_token, agent_token = FirstRun(), "", "", ""
    if not User.objects.filter(username__iexact=REVIEWER).exists():
        run.reviewer, password, api_token = actions.create_reviewer(REVIEWER, role=Role.ADMIN)  # also connects agents
        run.api_token = ApiToken.objects.usable(api_token).get()
    if not Agent.objects.filter(team=Team.objects.default(), name=AGENT).exists():
        _, agent_token = actions.create_agent(AGENT)
        run.agent_token = AgentToken.objects.usable(agent_token).get()
    run.save(force_insert=True)
    return Credentials(password, api_token, agent_token)


def _begin_again(run: FirstRun) -> Credentials:
    """New secrets in the place of those that nobody was shown."""
    password, api_token, agent_token = "", "", ""
    if run.reviewer is not None:
        password = secrets.token_urlsafe(15)
        run.reviewer.set_password(password)
        run.reviewer.save(update_fields=["password"])
        if run.api_token is not None:
            actions.revoke_token(run.api_token)
        api_token = actions.issue_api_token(run.reviewer)
        run.api_token = ApiToken.objects.usable(api_token).get()
    if run.agent_token is not None:
        actions.revoke_token(run.agent_token)
        agent_token = actions.issue_agent_token(run.agent_token.agent)
        run.agent_token = AgentToken.objects.usable(agent_token).get()
    run.save(update_fields=["api_token", "agent_token"])
    return Credentials(password, api_token, agent_token)
