"""The governance workflow, top to bottom: assess, triage, wait for Sarah, finalize, execute, record.

An Inngest function, driven by an Inngest server or by the embedded executor (docs/workflow-driver.md). Its body runs
again for every step, so it reads nothing by itself: every read and every write stands in a step, and every step is safe
to repeat. Only ids and states pass through the driver; arguments, reasons and results stay in our database.
"""

from datetime import timedelta
from typing import TypedDict

import inngest
from django.utils import timezone

from governance import actions
from governance.actions.execute import StillExecuting
from governance.actions.moves import DECIDED, REQUESTED
from governance.logs import log_reference
from governance.models import GovernanceRequest
from governance.scoring.registry import proposed_call, score_call
from governance.states import Status

FUNCTION_ID = "governance-workflow"
RETRIES = 20  # the server's maximum: while the app is away, every attempt is used up
ROUNDS = 100  # bounds the loop; a wait ends with the decision or with the deadline


class Waiting(TypedDict):
    status: str
    seconds_left: int


def build_functions(client: inngest.Inngest) -> list[inngest.Function]:
    @client.create_function(
        fn_id=FUNCTION_ID,
        name="Governance workflow",
        trigger=inngest.TriggerEvent(event=REQUESTED),
        retries=RETRIES,
    )
    def governance_workflow(ctx: inngest.ContextSync) -> str:
        request_id = str(ctx.event.data["request_id"])
        step = ctx.step
        with log_reference(str(ctx.event.data.get("reference", request_id))):
            step.run("assess", assess, request_id)
            status = step.run("triage", actions.triage, request_id)
            for _ in range(ROUNDS):
                if status == Status.IN_REVIEW:
                    waiting = step.run("read-decision", read_decision, request_id)
                    for _ in range(ROUNDS):
                        if waiting["status"] != Status.IN_REVIEW:
                            break
                        step.wait_for_event(
                            "decision",
                            event=DECIDED,
                            if_exp="async.data.request_id == event.data.request_id",
                            timeout=timedelta(seconds=waiting["seconds_left"]),
                        )
                        waiting = step.run("read-decision", read_decision, request_id)
                    if waiting["status"] == Status.IN_REVIEW:  # woken very often, and still nothing is decided
                        continue
                status = step.run("finalize", actions.finalize, request_id)
                if status not in (Status.APPROVED, Status.EXECUTING):
                    break
                step.run("execute", execute, request_id)
                status = step.run("record", actions.record_outcome, request_id)
                if status != Status.IN_REVIEW:  # else it was sent back: something differs from what was approved
                    break
        return status

    return [governance_workflow]


def assess(request_id: str) -> None:
    """Scores the call once; no transaction is open while the scorer works."""
    request = actions.begin_scoring(request_id)
    if request.status != Status.SCORING or hasattr(request, "assessment"):
        return
    actions.assess(request, score_call(proposed_call(request)))


def read_decision(request_id: str) -> Waiting:
    """Where the request stands and how long a decision may still come; the row decides, never the event."""
    request = GovernanceRequest.objects.get(pk=request_id)
    actions.expire(request)
    # An approval that can still be undone is none yet; its event comes when it is released.
    status, until = request.status, request.deadline
    if request.is_undoable:
        status, until = Status.IN_REVIEW, request.release_at
    left = (until - timezone.now()).total_seconds()
    return {"status": str(status), "seconds_left": max(1, int(left) + 1)}


def execute(request_id: str) -> None:
    """Runs the approved call unless it ran before; waits for another process that may be at it."""
    try:
        execution = actions.claim_execution(request_id)
    except StillExecuting as busy:
        raise inngest.RetryAfterError(str(busy), busy.retry_at) from busy
    if execution is not None:
        actions.run_tool(execution)
