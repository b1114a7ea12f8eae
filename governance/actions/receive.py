"""receive: a tool call becomes a request, bound to its exact arguments."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance.actions.finalize import expire
from governance.actions.moves import REQUESTED, agent_actor, emit, record, tell
from governance.canonical import MAX_REASON_CHARS, bound_arguments, bound_context
from governance.errors import LimitExceeded, NotAllowed
from governance.models import Agent, GovernanceRequest, Tool, Transition
from governance.models.evidence import Fact
from governance.schemas import validate_arguments
from governance.states import Status


def receive(
    *,
    agent: Agent,
    tool: Tool,
    arguments: Mapping[str, Any],
    stated_reason: str = "",
    intent: str = "",
    context: Any = None,
) -> tuple[GovernanceRequest, bool]:
    """The request of this call, and whether it is new.

    The same call repeated while its request is open gets that request. Raises NotAllowed (halted agent, foreign or
    disabled tool), LimitExceeded (size, depth, open requests) and InvalidArguments (schema, no exact JSON form).
    """
    text, arguments_digest = bound_arguments(arguments)
    context_text = bound_context(context)
    for label, value in (("governance_reason", stated_reason), ("atlas/intent", intent)):
        if len(value) > MAX_REASON_CHARS:
            raise LimitExceeded(
                f"{label} has {len(value):,} characters; the limit is {MAX_REASON_CHARS:,}. Shorten it."
            )
    validate_arguments(tool, arguments)
    now = timezone.now()
    with transaction.atomic():
        # One agent's calls are received one after another, so that the two checks below are exact.
        agent = Agent.objects.select_for_update().get(pk=agent.pk)
        _check_allowed(agent, tool)
        same = agent.requests.open().filter(tool=tool, arguments_digest=arguments_digest).first()
        if same and same.is_overdue:
            expire(same)
        elif same:
            return same, False
        _check_open_requests(agent)
        request = GovernanceRequest.objects.create(
            team_id=agent.team_id, agent=agent, tool=tool, arguments_json=text, arguments_digest=arguments_digest,
            stated_reason=stated_reason, intent=intent, context_json=context_text, received_at=now,
            deadline=now + timedelta(seconds=settings.DEADLINE_SECONDS),
        )
        actor = agent_actor(agent.name)
        Transition.objects.create(request=request, to_status=Status.RECEIVED, actor=actor, at=now)
        record(
            request, Fact.RECEIVED, actor=actor, now=now, agent=agent.name, tool=tool.exposed_name,
            server=tool.server.slug, arguments_digest=arguments_digest, deadline=request.deadline.isoformat(),
        )
        emit(request, REQUESTED, kind="requested")
        tell(request)
    return request, True


def _check_allowed(agent: Agent, tool: Tool) -> None:
    if agent.is_halted:
        reason = agent.halted_reason or "no reason given"
        raise NotAllowed(f"This agent is halted: {reason}. Ask the people who run it.")
    if tool.server.team_id != agent.team_id or not tool.enabled or not tool.server.enabled:
        raise NotAllowed(f"The tool {tool.exposed_name} is not available to this agent.")


def _check_open_requests(agent: Agent) -> None:
    limit = settings.MAX_OPEN_REQUESTS_PER_AGENT
    if agent.requests.open().count() >= limit:
        raise LimitExceeded(
            f"This agent has {limit} open requests, which is the limit. Wait until some are decided "
            "(check_status lists them), then call again."
        )
