"""Agents and their tokens."""

from fnmatch import fnmatchcase

from django.conf import settings
from django.db import models
from django.utils import timezone

from governance.models.halts import Haltable
from governance.models.people import Team
from governance.models.tokens import BearerToken, TokenQuerySet
from governance.models.visibility import VisibleQuerySet


class AgentTokenQuerySet(TokenQuerySet, VisibleQuerySet):
    team_path = "agent__team"


class Agent(Haltable):
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="agents")
    name = models.CharField(max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="owned_agents",
        help_text="Answers for the agent; can never decide its requests.",
    )
    visible_tools = models.TextField(
        default="*", blank=True, help_text="Which tools it sees and may call: one pattern with * per line."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="agent_name_unique_in_team")]

    def __str__(self) -> str:
        return self.name

    def sees(self, exposed_name: str) -> bool:
        """Whether the agent is shown the tool of this name, and may call it."""
        return any(fnmatchcase(exposed_name, pattern) for pattern in self.visible_tools.split())


def default_scopes() -> list[str]:
    return ["mcp"]


class AgentToken(BearerToken):
    KIND = "atlas_agt"
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="tokens")
    scopes = models.JSONField(default=default_scopes)

    objects = AgentTokenQuerySet.as_manager()
