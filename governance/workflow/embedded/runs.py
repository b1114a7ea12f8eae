"""The life of a run between two calls: started by an event, paused, resumed, ended. No function is called here.

Every function here belongs into a transaction of its caller.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from governance.events import EXECUTOR, announce_work
from governance.models import Event, Job, Pause, Run, Step
from governance.workflow.embedded.claims import lease
from governance.workflow.embedded.configs import FAILED_EVENT, FunctionConfig

DEDUPE = timedelta(hours=24)
GO_ON = "step"  # the step id of a call that runs whatever comes next


def start_run(config: FunctionConfig, event: Event, *, owner: str, now: datetime) -> Job | None:
    """The first job of a new run, claimed by `owner` unless empty; None for an event seen within 24 hours."""
    key = event.event_id
    Run.objects.filter(function_id=config.id, event_key=key, started_at__lte=now - DEDUPE).update(
        event_key=f"{key}#{uuid.uuid4().hex}"
    )
    run, is_new = Run.objects.get_or_create(
        function_id=config.id, event_key=key,
        defaults={"run_id": uuid.uuid4().hex, "event": event.as_json, "started_at": now},
    )
    return _new_job(run, owner=owner, now=now) if is_new else None


def end_pause(pause: Pause, memo: Any, *, owner: str, now: datetime) -> Job | None:
    """Ends a wait with the event, or with None at its time. The next job, unless the run still waits elsewhere.

    Of an event and the timeout only the first finds the row.
    """
    run = Run.objects.select_for_update().get(pk=pause.run_id)
    if not Pause.objects.filter(pk=pause.pk).delete()[0]:
        return None
    keep_memo(run, pause.step_id, pause.name, memo, now=now)
    return go_on(run, owner=owner, now=now)


def keep_memo(run: Run, step_id: str, name: str, memo: Any, *, now: datetime) -> None:
    Step.objects.create(run=run, step_id=step_id, name=name[:200], memo=memo, created_at=now)


def go_on(run: Run, *, owner: str = "", now: datetime) -> Job | None:
    """Plans the next call once nothing of the run is pending (fan-in). The caller holds the run's row."""
    if run.jobs.exists() or run.pauses.exists():
        return None
    return _new_job(run, owner=owner, now=now)


def complete(run: Run, output: Any, *, now: datetime) -> None:
    _end(run, Run.State.COMPLETED, output, now)


def fail(run: Run, error: dict[str, str], *, now: datetime) -> None:
    """Ends the run as failed and says so to its on_failure function."""
    _end(run, Run.State.FAILED, {"error": error}, now)
    Event.objects.create(
        event_id=f"failed:{run.run_id}", name=FAILED_EVENT, ts=int(now.timestamp() * 1000), received_at=now,
        data={"error": error, "event": run.event, "function_id": run.function_id, "run_id": run.run_id},
    )
    announce_work(EXECUTOR)


def _end(run: Run, state: Run.State, output: Any, now: datetime) -> None:
    Run.objects.filter(pk=run.pk).update(state=state, output=output, ended_at=now)
    run.jobs.all().delete()
    run.pauses.all().delete()


def _new_job(run: Run, *, owner: str, now: datetime) -> Job:
    return Job.objects.create(run=run, step_id=GO_ON, run_at=now, **(lease(owner, now) if owner else {}))
