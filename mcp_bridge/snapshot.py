"""What this process remembers of a team: its agents, tools and active policy, as of one generation of the team.

Every administrative act raises the generation (Team.generation). It is read again at most every half second for a team
in use, beside the calls; what was not confirmed for a second is not used any more, and without a database nobody is
served. A call that is admitted (governance/actions/express.py) compares the generation once more in its transaction.
"""

import asyncio
import contextvars
import logging
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice

from django.db import Error
from jsonschema.exceptions import SchemaError

from governance.actions.receive import check_allowed
from governance.errors import GovernanceError, NotAllowed
from governance.events import on_administration
from governance.models import Agent, PolicyVersion, Team, Tool
from governance.policy import DEFAULT_POLICY, Policy
from governance.rulings import active_policy, compiled
from governance.schema_bounds import Bounded
from governance.schemas import validator_of
from mcp_bridge import database
from mcp_bridge.downstream.remote import Endpoint
from mcp_bridge.downstream.servers import endpoint_of

log = logging.getLogger(__name__)

REFRESH_SECONDS = 0.5
STALE_SECONDS = 1.0
MAX_TEAMS = 1_000
MAX_OFFERS = 10_000  # of one team: pairs of an agent and a name that were asked for


@dataclass(frozen=True)
class Offer:
    """A tool that this agent may call now. `endpoint` is None for a backend of this process."""

    agent: Agent
    tool: Tool
    validator: Bounded
    endpoint: Endpoint | None


@dataclass(frozen=True)
class Snapshot:
    team_id: int
    generation: int
    agents: dict[int, Agent]
    tools: dict[str, list[Tool]]  # by exposed name, oldest first
    policy: Policy
    version: PolicyVersion | None
    _offers: dict[tuple[int, str], Offer | None] = field(default_factory=dict)

    def offer(self, agent_id: int, name: str) -> Offer | None:
        """None when anything stands against a call: receive then says what."""
        asked = agent_id, name
        try:
            return self._offers[asked]
        except KeyError:
            if len(self._offers) >= MAX_OFFERS:
                self._offers.clear()
            found = self._offers[asked] = self._find(agent_id, name)
            return found

    def _find(self, agent_id: int, name: str) -> Offer | None:
        agent = self.agents.get(agent_id)
        tool = next((tool for tool in self.tools.get(name, ()) if not tool.why_not_available()), None)
        if agent is None or tool is None:
            return None
        try:
            check_allowed(agent, tool)
            return Offer(
                agent, tool, validator_of(tool), endpoint_of(tool.server) if tool.server.is_remote else None
            )
        except NotAllowed:
            return None
        except (GovernanceError, SchemaError) as error:
            log.warning("%s cannot be called directly: %s", name, error)
            return None


class Snapshots:
    """Belongs to the event loops; `forget` may be called from any thread."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, Snapshot]] = {}  # with the moment that it was certainly right
        self._under_way: dict[int, asyncio.Task[Snapshot]] = {}
        self._changes: defaultdict[int, int] = defaultdict(int)
        on_administration(self.forget)

    async def of(self, team_id: int) -> Snapshot:
        """Raises django.db.Error when it is not known and cannot be read."""
        confirmed, snapshot = self._known.get(team_id, (0.0, None))
        age = time.monotonic() - confirmed
        if snapshot is not None and age < STALE_SECONDS:
            if age > REFRESH_SECONDS:
                self._refresh(team_id)
            return snapshot
        return await asyncio.shield(self._refresh(team_id))

    def forget(self, team_id: int) -> None:
        self._changes[team_id] += 1
        self._known.pop(team_id, None)

    def _refresh(self, team_id: int) -> asyncio.Task[Snapshot]:
        loop, task = asyncio.get_running_loop(), self._under_way.get(team_id)
        if task is None or task.done() or task.get_loop() is not loop:
            task = loop.create_task(self._read(team_id), context=contextvars.Context())
            task.add_done_callback(_look_at)
            self._under_way[team_id] = task
        return task

    async def _read(self, team_id: int) -> Snapshot:
        while True:
            begun, changes = time.monotonic(), self._changes[team_id]
            _, known = self._known.get(team_id, (0.0, None))
            snapshot = await database.read(_load, team_id, known)
            if changes == self._changes[team_id]:
                break
        if team_id not in self._known and len(self._known) >= MAX_TEAMS:
            for old in list(islice(self._known, MAX_TEAMS // 2)):
                self._known.pop(old, None)
        self._known[team_id] = begun, snapshot
        return snapshot


def _look_at(task: asyncio.Task[Snapshot]) -> None:
    if not task.cancelled() and isinstance(task.exception(), Error):
        log.warning("a team could not be read: %s", task.exception())


def _load(team_id: int, known: Snapshot | None) -> Snapshot:
    # First of all: what is read after it is at least as new, and an admission finds out if it is newer.
    generation = Team.objects.values_list("generation", flat=True).get(pk=team_id)
    if known is not None and known.generation == generation:
        return known
    version = active_policy(team_id)
    tools: dict[str, list[Tool]] = defaultdict(list)
    for tool in Tool.objects.filter(server__team_id=team_id).select_related("server__team").order_by("id"):
        tools[tool.exposed_name].append(tool)
    return Snapshot(
        team_id, generation, Agent.objects.select_related("team").filter(team_id=team_id).in_bulk(), dict(tools),
        compiled(version.text) if version else DEFAULT_POLICY, version,
    )


snapshots = Snapshots()
