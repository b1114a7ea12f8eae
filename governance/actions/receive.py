"""receive: a tool call becomes a request, bound to its exact arguments; the policy says what happens to it next."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance.actions.finalize import expire
from governance.actions.moves import GATEWAY, REQUESTED, _move, agent_actor, emit, hold_still, record, tell
from governance.canonical import MAX_REASON_CHARS, bound_arguments, bound_context, is_storable
from governance.errors import InvalidArguments, LimitExceeded, NotAllowed
from governance.models import Agent, Decision, GovernanceRequest, Tool, Transition
from governance.models.decisions import Source
from governance.models.evidence import Fact
from governance.policy import Effect
from governance.rulings import Ruling, active_policy, rule_on
from governance.schemas import validate_arguments
from governance.states import Status, Verdict


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

    The same call repeated while its request is open gets that request; one that the policy denies is recorded and has
    ended. Raises NotAllowed (something is halted; the tool is hidden, foreign, off or quarantined), LimitExceeded
    (size, depth, open requests) and InvalidArguments (schema, no exact JSON form).
    """
    text, arguments_digest = bound_arguments(arguments)
    context_text = bound_context(context)
    for label, value in (("governance_reason", stated_reason), ("atlas/intent", intent)):
        if len(value) > MAX_REASON_CHARS:
            raise LimitExceeded(
                f"{label} has {len(value):,} characters; the limit is {MAX_REASON_CHARS:,}. Shorten it."
            )
        if not is_storable(value):
            raise InvalidArguments(f"{label} contains NUL or half of a surrogate pair. Remove it.")
    validate_arguments(tool, arguments)
    now = timezone.now()
    with transaction.atomic():
        hold_still(Agent.objects.values_list("team_id", flat=True).get(pk=agent.pk))
        # One agent's calls are received one after another, so that the two checks below are exact.
        agent = Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
        tool = Tool.objects.select_related("server__team").get(pk=tool.pk)
        check_allowed(agent, tool)
        same = agent.requests.open().filter(tool=tool, arguments_digest=arguments_digest).first()
        if same and same.is_overdue:
            expire(same)
        elif same:
            return same, False
        _check_open_requests(agent)
        ruling = rule_on(agent, tool, arguments, active_policy(agent.team_id))
        outcome = ruling.outcome
        request = GovernanceRequest.objects.create(
            team_id=agent.team_id, agent=agent, tool=tool, arguments_json=text, arguments_digest=arguments_digest,
            stated_reason=stated_reason, intent=intent, context_json=context_text, received_at=now,
            deadline=now + timedelta(seconds=outcome.deadline_seconds or settings.DEADLINE_SECONDS),
            tool_digest=tool.digest, policy_version=ruling.version, policy_rule=outcome.rule,
            policy_effect=str(outcome.effect), threshold=outcome.threshold or settings.RISK_THRESHOLD,
        )
        actor = agent_actor(agent.name)
        Transition.objects.create(request=request, to_status=Status.RECEIVED, actor=actor, at=now)
        record(
            request, Fact.RECEIVED, actor=actor, now=now, agent=agent.name, tool=tool.exposed_name,
            server=tool.server.slug, arguments_digest=arguments_digest, tool_digest=tool.digest,
            deadline=request.deadline.isoformat(), **policy_facts(request),
        )
        if outcome.effect in (Effect.ALLOW, Effect.DENY):
            _decide_by_policy(request, ruling, now)
        if outcome.effect != Effect.DENY:
            emit(request, REQUESTED, kind="requested")
        tell(request, moved=True)
    return request, True


def policy_facts(request: GovernanceRequest) -> dict[str, Any]:
    """What evidence says of the policy's part."""
    number = request.policy_version.number if request.policy_version else 0
    return {"policy_version": number, "policy_rule": request.policy_rule, "policy_effect": str(request.policy_effect)}


def _decide_by_policy(request: GovernanceRequest, ruling: Ruling, now: datetime) -> None:
    verdict = Verdict.APPROVED if ruling.outcome.effect == Effect.ALLOW else Verdict.REJECTED
    reason = ruling.outcome.message or f"Decided by {ruling}."
    # The workflow runs what is allowed here; what is denied has no workflow that would finalize it.
    ended = {"finalized_at": now, "started_at": now} if verdict is Verdict.REJECTED else {}
    _move(request, verdict.status, actor=GATEWAY, now=now, reason=reason, decided_at=now, **ended)
    Decision.objects.create(request=request, verdict=verdict, reason=reason, source=Source.POLICY, created_at=now)
    record(
        request, Fact.DECIDED, actor=GATEWAY, now=now, verdict=str(verdict), reason=reason, source=str(Source.POLICY),
        arguments_digest=request.arguments_digest, tool_digest=request.tool_digest, **policy_facts(request),
    )


def check_allowed(agent: Agent, tool: Tool) -> None:
    """Raises NotAllowed with the reason why this agent may not call this tool now."""
    if agent.is_halted:
        raise NotAllowed(f"This agent is halted: {agent.why_halted}. Ask the people who run it.")
    if tool.server.team_id != agent.team_id or not agent.sees(tool.exposed_name):
        raise NotAllowed(f"The tool {tool.exposed_name} is not available to this agent.")
    if why := tool.why_not_available():
        raise NotAllowed(f"{why} The call was not accepted.")


def _check_open_requests(agent: Agent) -> None:
    limit = settings.MAX_OPEN_REQUESTS_PER_AGENT
    if agent.requests.open().count() >= limit:
        raise LimitExceeded(
            f"This agent has {limit} open requests, which is the limit. Wait until some are decided "
            "(check_status lists them), then call again."
        )
