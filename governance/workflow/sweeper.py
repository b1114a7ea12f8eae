"""The last net under the workflow: deadlines pass, executions are abandoned, old driver rows are removed.

Every end goes through the verbs, which are guarded by the request's status; a run that is only slow loses nothing.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db.models import Q

from governance import actions
from governance.actions import express
from governance.actions.deliveries import remove_old_deliveries
from governance.logs import log_reference
from governance.models import Execution, GovernanceRequest, OutboxEvent, Run
from governance.process import is_dead
from governance.states import Status

log = logging.getLogger(__name__)

BATCH = 200
# The run itself comes first: it may try an idempotent tool again, or record what returned.
GRACE = timedelta(seconds=60)
KEEP = timedelta(days=7)  # more than the 24 hours in which an event id is recognised


def expire_overdue(now: datetime) -> int:
    """Expires what is past its deadline; silence is never consent. How many."""
    return _each(GovernanceRequest.objects.overdue(now).order_by("deadline")[:BATCH], actions.expire)


def resolve_abandoned(now: datetime) -> int:
    """Ends the executions that nobody drives any more: their outcome is what returned, or unknown. How many.

    A call that ran without a workflow is given to one if its tool may be run again.
    """
    stale = Execution.objects.filter(request__status=Status.EXECUTING).filter(
        Q(lease_until__lte=now - GRACE) | Q(claimed_at__lte=now - GRACE)
    ).select_related("request__tool")
    abandoned = [
        execution.request for execution in stale.order_by("claimed_at")[:BATCH]
        if execution.lease_until <= now - GRACE or is_dead(execution.claimed_by)
        or (execution.returned_at and execution.returned_at <= now - GRACE)
    ]
    return _each(
        abandoned, lambda request: not express.hand_over(request, now=now) and actions.resolve_abandoned(request)
    )


def remove_old(now: datetime) -> int:
    """Removes a bounded number of runs, sent events and webhook deliveries that ended a week ago. How many rows."""
    runs = list(Run.objects.filter(ended_at__lte=now - KEEP).order_by("ended_at").values_list("pk", flat=True)[:BATCH])
    sent = list(
        OutboxEvent.objects.filter(sent_at__lte=now - KEEP, request__finished_at__lte=now - KEEP)
        .order_by("id").values_list("pk", flat=True)[:BATCH]
    )
    Run.objects.filter(pk__in=runs).delete()
    OutboxEvent.objects.filter(pk__in=sent).delete()
    return len(runs) + len(sent) + remove_old_deliveries(now - KEEP, most=BATCH)


def _each(requests: Iterable[GovernanceRequest], verb: Callable[[GovernanceRequest], bool]) -> int:
    """One request that cannot be moved does not keep the others waiting."""
    moved = 0
    for request in requests:
        with log_reference(request.reference):
            try:
                moved += bool(verb(request))
            except Exception:  # the engine's edge
                log.exception("the sweeper could not end %s", request.reference)
    return moved
