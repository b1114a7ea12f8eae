"""record_read: an agent reads a resource or takes a prompt of a tool server. Without effect, so nobody decides."""

from django.db import transaction
from django.utils import timezone

from governance.actions.moves import agent_actor, hold_still
from governance.canonical import canonical
from governance.errors import NotAllowed
from governance.models import Agent, EvidenceEntry, ToolServer
from governance.models.evidence import Fact

MAX_NAME_CHARS = 2_000


def record_read(*, agent_id: int, server_id: int, what: str, name: str) -> None:
    """Leaves the evidence, before anything is sent. Raises NotAllowed when something is halted, off or gone.

    Unlike an administrative act it changes nothing that processes remember of the team.
    """
    with transaction.atomic():
        hold_still(Agent.objects.values_list("team_id", flat=True).get(pk=agent_id))
        agent = Agent.objects.select_related("team").get(pk=agent_id)
        server = ToolServer.objects.filter(pk=server_id, team_id=agent.team_id, enabled=True).first()
        if server is None:
            raise NotAllowed("This tool server is not available to this agent.")
        for subject, kind in ((agent, "agent"), (agent.team, "team"), (server, "tool server")):
            if subject.is_halted:
                raise NotAllowed(f"The {kind} {subject} is halted: {subject.halted_reason or 'no reason given'}.")
        payload = {"what": what, "agent": agent.name, "server": server.slug, "name": name[:MAX_NAME_CHARS]}
        EvidenceEntry.objects.create(
            team_id=agent.team_id, fact=Fact.ADMINISTERED, actor=agent_actor(agent.name), at=timezone.now(),
            payload=canonical(payload),
        )
