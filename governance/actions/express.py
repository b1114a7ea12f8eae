"""admit and settle: the two transactions of a call that the policy allows, for many calls at once.

They leave the rows that receive, claim_execution, run_tool and record_outcome leave for one call, without a workflow:
the process that admits a call holds its claim from the start and runs it at once. Should it die, the sweeper ends what
it left (or lets the workflow run an idempotent tool again). Written in plain SQL, because at a thousand calls a second
the ORM's cost per row is what there is.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from random import SystemRandom
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from governance.actions.deliveries import queue_deliveries
from governance.actions.execute import MAX_ATTEMPTS, lease
from governance.actions.inserts import Insert, document, key, plain_cursor, sql, when
from governance.actions.moves import GATEWAY, REQUESTED, agent_actor, emit
from governance.canonical import canonical, canonical_flat, digest
from governance.errors import InvalidArguments, WrongState
from governance.events import Change, announce_soon
from governance.models import Decision, EvidenceEntry, Execution, GovernanceRequest, Transition
from governance.models.decisions import Source
from governance.models.evidence import Fact
from governance.models.requests import new_reference
from governance.policy import Effect
from governance.process import identity
from governance.states import Status, Verdict

log = logging.getLogger(__name__)

CHANCE = timedelta(seconds=60)  # for a workflow to begin what it was given


def _new_id() -> UUID:
    """A UUID of version 7: what is stored together stands together in the indexes, and a commit touches fewer pages."""
    return UUID(int=time.time_ns() // 1_000_000 << 80 | 0x7 << 76 | _RANDOM(12) << 64 | 0b10 << 62 | _RANDOM(62))


_RANDOM = SystemRandom().getrandbits


@dataclass(frozen=True, slots=True)
class AllowedCall:
    """A call that the active policy allows, as it was ruled on in memory at `generation` of its team."""

    team_id: int
    generation: int
    agent_id: int
    agent: str
    tool_id: int
    tool: str  # the exposed name
    server: str
    tool_digest: str
    arguments_json: str
    arguments_digest: str
    version_id: int
    version: int
    rule: str
    reason: str
    stated_reason: str = ""
    intent: str = ""
    context_json: str = ""
    deadline_seconds: int | None = None
    threshold: int | None = None
    request_id: UUID = field(default_factory=_new_id)
    reference: str = field(default_factory=new_reference)


@dataclass(frozen=True, slots=True)
class Return:
    """How an admitted call ended: `result` as ToolResult.as_json(), or why there is none."""

    call: AllowedCall
    result: dict[str, Any] | None = None
    is_error: bool = False
    is_unknown: bool = False
    error: str = ""

    @property
    def status(self) -> Status:
        if self.is_unknown:
            return Status.OUTCOME_UNKNOWN
        return Status.FAILED if self.is_error else Status.SUCCEEDED


_add_requests = Insert(
    GovernanceRequest, "id", "reference", "team_id", "agent_id", "tool_id", "status", "arguments_json",
    "arguments_digest", "stated_reason", "intent", "context_json", "tool_digest", "policy_version_id", "policy_rule",
    "policy_effect", "threshold", "received_at", "deadline", "started_at", "decided_at", "finalized_at",
)
_add_transitions = Insert(Transition, "request_id", "from_status", "to_status", "actor", "reason", "at")
_add_decisions = Insert(Decision, "request_id", "verdict", "reason", "source", "created_at")
_add_executions = Insert(Execution, "request_id", "claimed_by", "claimed_at", "lease_until")
_add_evidence = Insert(EvidenceEntry, "team_id", "request_id", "fact", "actor", "payload", "at")

RECEIVED, APPROVED, EXECUTING = str(Status.RECEIVED), str(Status.APPROVED), str(Status.EXECUTING)
ALLOW, POLICY, VERDICT = str(Effect.ALLOW), str(Source.POLICY), str(Verdict.APPROVED)


def admit(calls: Sequence[AllowedCall], *, now: datetime) -> list[bool]:
    """Stores these calls as executing, claimed by this process, in one transaction; they may be run after it.

    False for a call whose team changed since it was ruled on: nothing of it is stored, it must be ruled on again. So a
    halt, a policy or a revoked token that was committed before is never overlooked, and one that comes later waits.
    """
    with transaction.atomic(savepoint=False), plain_cursor() as cursor:
        # In one order everywhere, so that two processes never wait for each other.
        now_at = {team_id: _hold_still(cursor, team_id) for team_id in sorted({call.team_id for call in calls})}
        admitted = [call.generation == now_at[call.team_id] for call in calls]
        if kept := [call for call, is_in in zip(calls, admitted, strict=True) if is_in]:
            _store(cursor, kept, now)
            changes = [Change(call.request_id, call.reference, call.team_id, EXECUTING) for call in kept]
            transaction.on_commit(lambda: announce_soon(changes), robust=True)
    return admitted


@cache
def _generation_of() -> str:
    lock = " FOR SHARE" if connection.vendor == "postgresql" else ""
    return sql(f"SELECT generation FROM governance_team WHERE id = %s{lock}")  # noqa: S608


def _hold_still(cursor: Any, team_id: int) -> int:
    """As moves.hold_still."""
    cursor.execute(_generation_of(), [team_id])
    return cursor.fetchone()[0]


def _store(cursor: Any, calls: Sequence[AllowedCall], now: datetime) -> None:
    at, until, claimed_by = when(now), when(lease(now)), identity()
    requests, transitions, decisions, executions, evidence = [], [], [], [], []
    for call in calls:
        pk, actor = key(call.request_id), agent_actor(call.agent)
        deadline = now + timedelta(seconds=call.deadline_seconds or settings.DEADLINE_SECONDS)
        requests.append((
            pk, call.reference, call.team_id, call.agent_id, call.tool_id, EXECUTING, call.arguments_json,
            call.arguments_digest, call.stated_reason, call.intent, call.context_json, call.tool_digest,
            call.version_id, call.rule, ALLOW, call.threshold or settings.RISK_THRESHOLD, at, when(deadline), at, at,
            at,
        ))
        transitions += (
            (pk, "", RECEIVED, actor, "", at),
            (pk, RECEIVED, APPROVED, GATEWAY, call.reason, at),
            (pk, APPROVED, EXECUTING, GATEWAY, "", at),
        )
        decisions.append((pk, VERDICT, call.reason, POLICY, at))
        executions.append((pk, claimed_by, at, until))
        evidence += (
            (call.team_id, pk, fact, who, canonical_flat(payload), at)
            for fact, who, payload in _facts(call, actor, deadline)
        )
    _add_requests(cursor, requests)
    _add_transitions(cursor, transitions)
    _add_decisions(cursor, decisions)
    _add_executions(cursor, executions)
    _add_evidence(cursor, evidence)


def _facts(call: AllowedCall, actor: str, deadline: datetime) -> tuple[tuple[str, str, dict[str, Any]], ...]:
    """What evidence says of an admitted call, as receive and claim_execution say it."""
    bound = {
        "reference": call.reference, "arguments_digest": call.arguments_digest, "tool_digest": call.tool_digest,
    }
    policy = {"policy_version": call.version, "policy_rule": call.rule, "policy_effect": ALLOW}
    return (
        (Fact.RECEIVED.value, actor, {
            **bound, **policy, "status": RECEIVED, "agent": call.agent, "tool": call.tool, "server": call.server,
            "deadline": deadline.isoformat(),
        }),
        (Fact.DECIDED.value, GATEWAY, {
            **bound, **policy, "status": APPROVED, "verdict": VERDICT, "reason": call.reason, "source": POLICY,
        }),
        (Fact.EXECUTED.value, GATEWAY, {**bound, "status": EXECUTING, "tool": call.tool, "attempt": 1}),
    )  # fmt: skip


def is_admitted(call: AllowedCall) -> bool:
    """Whether this process holds the claim of the call: for one whose commit broke off."""
    return Execution.objects.filter(request_id=call.request_id, claimed_by=identity(), attempts=1).exists()


def hand_over(request: GovernanceRequest, *, now: datetime) -> bool:
    """Gives an idempotent tool whose process died to the workflow, which takes the claim over and runs it again.

    True as long as the workflow has its chance; False for every other request. The request is executing and abandoned.
    """
    execution = request.execution
    if request.policy_effect != ALLOW or execution.has_returned or not request.tool.is_idempotent:
        return False
    if (event := request.outbox_events.filter(name=REQUESTED).first()) is not None:
        return event.created_at > now - CHANCE
    if execution.attempts >= MAX_ATTEMPTS:
        return False
    try:
        with transaction.atomic():
            emit(request, REQUESTED, kind="requested")
    except IntegrityError:
        log.debug("another process handed %s over", request.reference)
    return True


def settle(returns: Sequence[Return], *, now: datetime) -> list[bool]:
    """Stores what these calls returned and moves them to their end, in one transaction.

    False for a call that is not this process's any more: the sweeper gave it up, and its late return is ignored.
    """
    with transaction.atomic(savepoint=False), plain_cursor() as cursor:
        kept = [_note_return(cursor, returned, now) for returned in returns]
        ended = [returned for returned, is_kept in zip(returns, kept, strict=True) if is_kept]
        _end(cursor, ended, now)
        changes = [
            Change(returned.call.request_id, returned.call.reference, returned.call.team_id, str(returned.status))
            for returned in ended
        ]
        transaction.on_commit(lambda: announce_soon(changes), robust=True)
    return kept


# Table and column names of our own models; every value is a parameter.
_NOTE_RETURN = (
    "UPDATE governance_execution SET returned_at = %s, result = %s, is_error = %s, is_unknown = %s, error = %s "
    "WHERE request_id = %s AND returned_at IS NULL AND claimed_by = %s AND attempts = 1"
)
_END = "UPDATE governance_governancerequest SET status = %s, finished_at = %s WHERE id = %s AND status = %s"


def _note_return(cursor: Any, returned: Return, now: datetime) -> bool:
    cursor.execute(sql(_NOTE_RETURN), [
        when(now), document(returned.result), returned.is_error, returned.is_unknown, returned.error,
        key(returned.call.request_id), identity(),
    ])  # fmt: skip
    if cursor.rowcount != 1:
        log.warning("a late return of %s was ignored", returned.call.reference)
    return cursor.rowcount == 1


def _end(cursor: Any, returns: Sequence[Return], now: datetime) -> None:
    if not returns:
        return
    at = when(now)
    cursor.executemany(
        sql(_END), [(str(returned.status), at, key(returned.call.request_id), EXECUTING) for returned in returns]
    )
    if cursor.rowcount != len(returns):
        raise WrongState("One of these calls is not executing any more.")
    _add_transitions(cursor, [
        (key(returned.call.request_id), EXECUTING, str(returned.status), GATEWAY, returned.error, at)
        for returned in returns
    ])  # fmt: skip
    _add_evidence(cursor, [
        (returned.call.team_id, key(returned.call.request_id), Fact.OUTCOME.value, GATEWAY, canonical_flat({
            "reference": returned.call.reference, "status": str(returned.status), "is_error": returned.is_error,
            "is_unknown": returned.is_unknown, "error": returned.error,
            "arguments_digest": returned.call.arguments_digest, "result_digest": _result_digest(returned.result),
        }), at)
        for returned in returns
    ])  # fmt: skip
    queue_deliveries(
        [(returned.call.request_id, returned.call.agent_id, returned.status) for returned in returns], now=now
    )


def _result_digest(result: dict[str, Any] | None) -> str:
    if result is None:
        return ""
    try:
        return digest(canonical(result))
    except InvalidArguments:  # a number beyond what RFC 8785 can write: the text as it is stored, sorted
        return digest(json.dumps(result, sort_keys=True, separators=(",", ":")))
