"""From the inbox to runs: an event starts the functions it triggers and resumes the waits it matches."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from governance.models import Event, Job, Pause
from governance.workflow.embedded.calls import Functions
from governance.workflow.embedded.configs import FAILED_EVENT, FunctionConfig
from governance.workflow.embedded.expressions import compile_expression, keys_of
from governance.workflow.embedded.runs import end_pause, start_run

BATCH = 16


@dataclass(frozen=True)
class TakenIn:
    events: int
    claimed: list[Job]


def take_in(functions: Functions, owner: str, *, slots: int, now: datetime) -> TakenIn:
    """Works off the oldest events in one transaction. The first `slots` jobs it makes are born claimed by `owner`."""
    if not Event.objects.exists():
        return TakenIn(0, [])
    claimed: list[Job] = []
    with transaction.atomic():
        events = list(Event.objects.select_for_update(skip_locked=True).order_by("id")[:BATCH])
        for event in events:
            for config in _triggered(functions, event):
                claimer = owner if len(claimed) < slots else ""
                claimed += _if_claimed(start_run(config, event, owner=claimer, now=now))
            for pause in _matching(event, now):
                claimer = owner if len(claimed) < slots else ""
                claimed += _if_claimed(end_pause(pause, event.as_json, owner=claimer, now=now))
        Event.objects.filter(pk__in=[event.pk for event in events]).delete()
    return TakenIn(len(events), claimed)


def expire_pauses(owner: str, *, slots: int, now: datetime) -> list[Job]:
    """Ends the waits and sleeps whose time has come; the jobs claimed for them."""
    claimed: list[Job] = []
    for pause in Pause.objects.filter(expires_at__lte=now).order_by("expires_at")[:BATCH * 4]:
        with transaction.atomic():
            claimer = owner if len(claimed) < slots else ""
            claimed += _if_claimed(end_pause(pause, None, owner=claimer, now=now))
    return claimed


def _triggered(functions: Functions, event: Event) -> list[FunctionConfig]:
    found = functions.triggered_by(event.name)
    if event.name == FAILED_EVENT:
        handler = functions.failure_of(event.data["function_id"])
        found += [handler] if handler else []
    return found


def _matching(event: Event, now: datetime) -> list[Pause]:
    """The waits this event ends. An expired one never matches, even while its timeout is not yet worked off."""
    arrived = event.as_json
    waiting = Pause.objects.filter(
        event_name=event.name, match_key__in=keys_of(arrived), expires_at__gt=now
    ).select_related("run")
    return [
        pause for pause in waiting.order_by("id")
        if compile_expression(pause.expression).matches(event=pause.run.event, arrived=arrived)
    ]


def _if_claimed(job: Job | None) -> list[Job]:
    return [job] if job is not None and job.lease_owner else []
