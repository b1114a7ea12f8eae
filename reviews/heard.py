"""Whether an agent's new token was heard from, and what the agent did first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone

from governance.models import AgentToken, GovernanceRequest

LISTENS_FOR = timedelta(minutes=10)


class Sign(StrEnum):
    WAITING = "waiting"
    QUIET = "quiet"  # nothing for so long that the page stops asking
    HEARD = "heard"
    CALLED = "called"
    HALTED = "halted"
    ENDED = "ended"


@dataclass(frozen=True)
class Heard:
    token: AgentToken
    sign: Sign
    first: GovernanceRequest | None = None

    @property
    def is_asking(self) -> bool:
        """Whether the page should ask again by itself."""
        return self.sign is Sign.WAITING


def heard_of(token: AgentToken, now: datetime | None = None) -> Heard:
    """`token` with its agent and the agent's team."""
    now = now or timezone.now()
    agent = token.agent
    if not token.is_usable(now):
        return Heard(token, Sign.ENDED)
    if agent.is_halted or agent.team.is_halted:
        return Heard(token, Sign.HALTED)
    if token.last_used_at is None:
        return Heard(token, Sign.WAITING if now - token.created_at < LISTENS_FOR else Sign.QUIET)
    first = _first_call(token)
    return Heard(token, Sign.CALLED if first else Sign.HEARD, first)


def _first_call(token: AgentToken) -> GovernanceRequest | None:
    """The agent's first call since it has this token. Requests do not name the token they came with."""
    calls = GovernanceRequest.objects.filter(agent_id=token.agent_id, received_at__gte=token.created_at)
    return calls.select_related("tool").order_by("received_at", "id").first()
