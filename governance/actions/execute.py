"""claim_execution, run_tool, record_outcome: an approved call runs at most once.

The Execution row is the claim; a second one cannot exist. A process that dies after the claim leaves an execution that
never returned: unless the tool declares idempotentHint, its outcome is unknown and a person looks.
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance.actions.binding import approval_of, difference, digest_that_runs, send_back
from governance.actions.finalize import expire
from governance.actions.moves import GATEWAY, _move, hold_still, record
from governance.canonical import canonical, digest
from governance.errors import DownstreamFailed, DownstreamUnknown, WrongState
from governance.models import Execution, GovernanceRequest
from governance.models.evidence import Fact
from governance.process import identity, is_dead
from governance.states import Status
from governance.toolservers import ToolResult, backend_of, running_request

log = logging.getLogger(__name__)

LEASE_MARGIN = timedelta(seconds=15)
MAX_ATTEMPTS = 3
UNKNOWN = "The gateway stopped while the tool ran. Whether it had its effect is not known; a person must look."
BROKE_OFF = "The tool server broke off. Whether the call had its effect is not known; a person must look."


class StillExecuting(WrongState):
    """Another live process runs this call; ask again after `retry_at`."""

    def __init__(self, reference: str, retry_at: datetime) -> None:
        super().__init__(f"{reference} is being executed by another process.")
        self.retry_at = retry_at


class NotReleased(StillExecuting):
    """The approval can still be undone; ask again at `retry_at`."""

    def __init__(self, reference: str, retry_at: datetime) -> None:
        WrongState.__init__(self, f"The approval of {reference} can still be undone.")
        self.retry_at = retry_at


def claim_execution(request_id: UUID | str) -> Execution | None:
    """The claim to run this request now, or None when there is nothing (left) to run. Safe to repeat.

    What differs from what was approved sends the request back to review instead. Raises StillExecuting while another
    process may be at it.
    """
    request = _load(request_id)
    if request.status == Status.EXECUTING:
        return _take_over(request)
    if request.status != Status.APPROVED or expire(request):
        return None
    if request.is_undoable:
        raise NotReleased(request.reference, request.release_at)
    with transaction.atomic():
        hold_still(request.team_id)
        now, request = timezone.now(), _load(request_id)
        if request.status != Status.APPROVED:
            raise WrongState(f"{request.reference} is no longer approved.")
        if request.is_undoable:  # undone and approved again since the look above
            raise NotReleased(request.reference, request.release_at)
        if reason := difference(request):
            send_back(request, reason)
            return None
        _move(request, Status.EXECUTING, actor=GATEWAY, now=now)
        execution = Execution.objects.create(
            request=request, claimed_by=identity(), claimed_at=now, lease_until=lease(now)
        )
        record(
            request, Fact.EXECUTED, actor=GATEWAY, now=now, arguments_digest=digest_that_runs(request),
            tool=request.tool.exposed_name, tool_digest=request.tool_digest, attempt=1,
        )
    return execution


def _load(request_id: UUID | str) -> GovernanceRequest:
    return GovernanceRequest.objects.with_parts().get(pk=request_id)


def run_tool(execution: Execution) -> None:
    """Calls the tool with exactly the approved arguments and keeps what it returned. No transaction is open."""
    request = execution.request
    running = running_request.set(request.pk)
    try:
        arguments = _bound_arguments(request)
        result = backend_of(request.tool.server).call(request.tool.name, arguments)
    except DownstreamFailed as error:
        _note_return(execution, is_error=True, error=str(error))
    except DownstreamUnknown as error:
        _note_return(execution, is_unknown=True, error=str(error))
    except Exception:  # the engine's edge: whatever a backend throws, the call is not run again
        log.exception("tool server failed while running %s", request.reference)
        _note_return(execution, is_unknown=True, error=BROKE_OFF)
    else:
        _note_return(execution, is_error=result.is_error, result=result)
    finally:
        running_request.reset(running)


def record_outcome(request_id: UUID | str) -> str:
    """Moves an executed request to its end, by what its execution returned; the status. Safe to repeat."""
    request = GovernanceRequest.objects.select_related("execution").get(pk=request_id)
    if request.status != Status.EXECUTING or not request.execution.has_returned:
        return str(request.status)
    execution = request.execution
    now = timezone.now()
    with transaction.atomic():
        _move(request, _end_of(execution), actor=GATEWAY, now=now, reason=execution.error)
        record(
            request, Fact.OUTCOME, actor=GATEWAY, now=now, is_error=execution.is_error,
            is_unknown=execution.is_unknown, error=execution.error, arguments_digest=digest_that_runs(request),
            result_digest=digest(canonical(execution.result)) if execution.result is not None else "",
        )
    return str(request.status)


def resolve_abandoned(request: GovernanceRequest) -> bool:
    """Ends an executing request that nobody drives any more. False when it may still be running."""
    execution = request.execution
    if not execution.has_returned:
        if not _is_abandoned(execution):
            return False
        _note_return(execution, is_unknown=True, error=UNKNOWN)
    try:
        record_outcome(request.pk)
    except WrongState:
        return False
    return True


def _take_over(request: GovernanceRequest) -> Execution | None:
    execution = request.execution
    if execution.has_returned:
        return None
    if not _is_abandoned(execution):
        raise StillExecuting(request.reference, execution.lease_until)
    if not request.tool.is_idempotent or execution.attempts >= MAX_ATTEMPTS:
        _note_return(execution, is_unknown=True, error=UNKNOWN)
        return None
    return _claim_again(request, execution)


def _claim_again(request: GovernanceRequest, execution: Execution) -> Execution | None:
    now = timezone.now()
    with transaction.atomic():
        taken = Execution.objects.filter(
            pk=execution.pk, returned_at=None, claimed_by=execution.claimed_by, attempts=execution.attempts
        ).update(
            claimed_by=identity(), claimed_at=now, lease_until=lease(now), attempts=execution.attempts + 1
        )
        if taken != 1:
            raise StillExecuting(request.reference, lease(now))
        record(
            request, Fact.EXECUTED, actor=GATEWAY, now=now, arguments_digest=digest_that_runs(request),
            tool=request.tool.exposed_name, attempt=execution.attempts + 1,
        )
    execution.refresh_from_db(fields=["claimed_by", "claimed_at", "lease_until", "attempts"])
    return execution


def _bound_arguments(request: GovernanceRequest) -> Mapping[str, Any]:
    """The approved arguments, after a last look that this call may still run. Raises DownstreamFailed."""
    if digest(request.arguments_json) != request.arguments_digest:
        raise DownstreamFailed("The stored arguments are not the ones that were approved. Nothing was run.")
    approval = approval_of(request)
    if approval is None:
        raise DownstreamFailed("There is no approval of this call. Nothing was run.")
    if request.tool.digest != request.tool_digest:
        raise DownstreamFailed("The tool's definition is not the one that was approved. Nothing was run.")
    if approval.is_edited and digest(approval.arguments_json) != approval.arguments_digest:
        raise DownstreamFailed("The edited arguments are not the ones that were approved. Nothing was run.")
    return json.loads(approval.arguments_json or request.arguments_json)


def _note_return(
    execution: Execution, *, is_error: bool = False, is_unknown: bool = False, error: str = "",
    result: ToolResult | None = None,
) -> None:
    """Keeps the first return of this claim; a later one (a process that was only slow) is ignored."""
    kept = Execution.objects.filter(
        pk=execution.pk, returned_at=None, claimed_by=execution.claimed_by, attempts=execution.attempts
    ).update(
        returned_at=timezone.now(), is_error=is_error, is_unknown=is_unknown, error=error,
        result=None if result is None else result.as_json(),
    )
    if not kept:
        log.warning("a late return of %s was ignored", execution.request_id)


def _is_abandoned(execution: Execution) -> bool:
    return is_dead(execution.claimed_by) or execution.lease_until <= timezone.now()


def lease(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.TOOL_TIMEOUT_SECONDS) + LEASE_MARGIN


def _end_of(execution: Execution) -> Status:
    if execution.is_unknown:
        return Status.OUTCOME_UNKNOWN
    return Status.FAILED if execution.is_error else Status.SUCCEEDED
