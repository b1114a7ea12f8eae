"""record_read, record_look_up: what an agent, a reviewer or the gateway itself reads of a tool server.

Without effect, so nobody decides; with evidence, so that everybody knows.
"""

from django.db import transaction
from django.utils import timezone

from governance.actions.moves import GATEWAY, agent_actor, hold_still, reviewer_actor
from governance.canonical import canonical
from governance.errors import NotAllowed
from governance.models import Agent, EvidenceEntry, GovernanceRequest, Tool, ToolServer, User
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


def record_look_up(
    *, server: ToolServer, tool_name: str, what: str, by: User | None = None, request: GovernanceRequest | None = None,
    **payload: str,
) -> Tool:
    """The read-only tool, after leaving the evidence that it is about to be called for a person who looks at `request`,
    or for the gateway. Raises NotAllowed when it may not: unknown, not read-only, not accepted, halted or off.
    """
    with transaction.atomic():
        hold_still(server.team_id)
        tool = Tool.objects.select_related("server__team").filter(server_id=server.pk, name=tool_name).first()
        if tool is None:
            raise NotAllowed(f"The tool server {server} has no tool {tool_name}.")
        if problem := tool.why_not_available():
            raise NotAllowed(problem)
        if not tool.is_read_only:
            raise NotAllowed(f"The tool {tool.exposed_name} is not declared read-only.")
        facts = {"what": what, "server": server.slug, "tool": tool.exposed_name, **payload}
        if request is not None:
            facts["reference"] = request.reference
        EvidenceEntry.objects.create(
            team_id=server.team_id, request=request, fact=Fact.ADMINISTERED, at=timezone.now(),
            actor=reviewer_actor(by) if by else GATEWAY,
            payload=canonical({name: value[:MAX_NAME_CHARS] for name, value in facts.items()}),
        )
    return tool
