"""What the active policy of a team says of a call. Compiled once per text and remembered."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from governance.models import Agent, PolicyVersion, Tool
from governance.policy import DEFAULT_POLICY, Outcome, Policy, PolicyCall, evaluate, parse


@dataclass(frozen=True)
class Ruling:
    """An outcome and the version it comes from; no version: the default, which scores everything."""

    outcome: Outcome
    version: PolicyVersion | None

    def __str__(self) -> str:
        source = f"policy {self.version.number}" if self.version else "the default policy"
        return f"rule {self.outcome.rule} of {source}"


@lru_cache(maxsize=256)
def compiled(text: str) -> Policy:
    """The policy of a stored text, which was checked when it was saved. Raises PolicyError."""
    return parse(text)


def active_policy(team_id: int) -> PolicyVersion | None:
    return PolicyVersion.objects.filter(team_id=team_id, active=True).first()


def rule_on(agent: Agent, tool: Tool, arguments: Mapping[str, Any], version: PolicyVersion | None) -> Ruling:
    """The ruling of this version on this call. Total: it never raises for what an agent sends."""
    policy = compiled(version.text) if version else DEFAULT_POLICY
    return Ruling(evaluate(policy, policy_call(agent.name, tool, arguments)), version)


def policy_call(agent: str, tool: Tool, arguments: Mapping[str, Any]) -> PolicyCall:
    return PolicyCall(
        agent=agent, server=tool.server.slug, tool=tool.name, exposed_name=tool.exposed_name,
        annotations=tool.annotations, arguments=arguments,
    )
