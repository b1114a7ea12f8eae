"""Agents, reviewers and their tokens: made and revoked. Each act leaves its evidence."""

import secrets

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from governance.actions.moves import GATEWAY, record_administration, reviewer_actor, take_turn
from governance.actions.tool_servers import install_builtin_tools
from governance.errors import InvalidArguments
from governance.events import announce_token_revoked
from governance.groups import REVIEWERS
from governance.models import Agent, AgentToken, ApiToken, Membership, Role, Team, User


def _actor(by: User | None) -> str:
    return reviewer_actor(by) if by else GATEWAY


def create_agent(
    name: str, *, team: Team | None = None, owner: User | None = None, by: User | None = None, **fields: object
) -> tuple[Agent, str]:
    """A new agent and its first token in clear, which exists nowhere else. `fields`: of that token.

    Raises InvalidArguments on a taken name.
    """
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise InvalidArguments("An agent's name has 1 to 100 characters.")
    with transaction.atomic():
        team = team or Team.objects.default()
        if Agent.objects.filter(team=team, name=name).exists():
            raise InvalidArguments(f"There is already an agent named {name} in {team}.")
        agent = Agent.objects.create(team=team, name=name, owner=owner)
        install_builtin_tools(team)
        record_administration(team, "agent created", actor=_actor(by), now=timezone.now(), agent=name)
        return agent, issue_agent_token(agent, by=by, **fields)


def create_reviewer(
    username: str, *, team: Team | None = None, role: Role = Role.REVIEWER, by: User | None = None
) -> tuple[User, str, str]:
    """A new person with the right to decide: the user, the password and the API token in clear.

    Raises InvalidArguments on a taken or malformed name.
    """
    if User.objects.filter(username__iexact=username).exists():
        raise InvalidArguments(f"There is already a user named {username}.")
    password = secrets.token_urlsafe(15)
    with transaction.atomic():
        team = team or Team.objects.default()
        user = User(username=username, is_staff=True)
        user.set_password(password)
        try:
            user.full_clean(exclude=["password"])
        except ValidationError as error:
            raise InvalidArguments(" ".join(error.messages)) from error
        user.save()
        user.groups.add(Group.objects.get_or_create(name=REVIEWERS)[0])
        Membership.objects.create(team=team, user=user, role=role)
        record_administration(team, "reviewer created", actor=_actor(by), now=timezone.now(), username=username)
        return user, password, issue_api_token(user, by=by)


def issue_agent_token(agent: Agent, *, by: User | None = None, **fields: object) -> str:
    """A further token of an agent, in clear. `fields`: scopes, expires_at."""
    with transaction.atomic():
        row, token = AgentToken.issue(agent=agent, **fields)
        record_administration(
            agent.team, "agent token issued", actor=_actor(by), now=timezone.now(), agent=agent.name, token=row.prefix
        )
    return token


def issue_api_token(user: User, *, by: User | None = None, **fields: object) -> str:
    """A further API token of a person, in clear. `fields`: expires_at."""
    with transaction.atomic():
        row, token = ApiToken.issue(user=user, **fields)
        for team in user.teams.order_by("pk"):
            record_administration(
                team, "api token issued", actor=_actor(by), now=timezone.now(), username=user.username,
                token=row.prefix,
            )
    return token


def revoke_token(token: AgentToken | ApiToken, *, by: User | None = None) -> bool:
    """Ends a token at once; open streams of an agent's token are closed. False when it was revoked before."""
    now = timezone.now()
    teams = [token.agent.team] if isinstance(token, AgentToken) else list(token.user.teams.order_by("pk"))
    with transaction.atomic():
        take_turn(*(team.pk for team in teams))
        if type(token).objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now) != 1:
            return False
        for team in teams:
            record_administration(team, "token revoked", actor=_actor(by), now=now, token=token.prefix)
        if isinstance(token, AgentToken):
            announce_token_revoked(token.pk)
    return True
