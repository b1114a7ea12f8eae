"""Who may run a job: a lease of 30 seconds, prolonged while its process lives, and fenced.

A claim raises the job's fence. A result is kept only when the job still carries the owner and the fence it was claimed
with, so a worker that lost its lease changes nothing any more.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Min, Q, QuerySet

from governance.models import Job, Pause
from governance.process import is_dead

LEASE = timedelta(seconds=30)
HEARTBEAT = LEASE / 3


class LeaseLost(Exception):
    """Another worker took this job over; the result at hand must be dropped."""


def lease(owner: str, now: datetime) -> dict[str, object]:
    """The fields of a job that is born claimed."""
    return {"lease_owner": owner, "lease_until": now + LEASE, "fence": 1}


def claim_due(owner: str, *, now: datetime, limit: int) -> list[Job]:
    """Claims up to `limit` due jobs, oldest first. Safe against any number of other claimers."""
    free = Q(lease_owner="") | Q(lease_until__lte=now)
    due = Job.objects.filter(free, run_at__lte=now).order_by("run_at", "id")
    if limit < 1 or not due.exists():  # an idle poll takes no write lock
        return []
    with transaction.atomic():
        jobs = list(due.select_for_update(skip_locked=True, of=("self",)).select_related("run")[:limit])
        Job.objects.filter(pk__in=[job.pk for job in jobs]).update(
            lease_owner=owner, lease_until=now + LEASE, fence=F("fence") + 1
        )
    for job in jobs:
        job.lease_owner, job.lease_until, job.fence = owner, now + LEASE, job.fence + 1
    return jobs




def held(job: Job) -> QuerySet[Job]:
    """The job's row while this claim of it holds; empty afterwards."""
    return Job.objects.filter(pk=job.pk, lease_owner=job.lease_owner, fence=job.fence)


def renew(owner: str, job_ids: Collection[int], now: datetime) -> None:
    if job_ids:
        Job.objects.filter(pk__in=list(job_ids), lease_owner=owner).update(lease_until=now + LEASE)


def release(job: Job) -> None:
    """Gives a claimed job back before it was begun."""
    held(job).update(lease_owner="", lease_until=None)


def release_abandoned(owner: str, in_hand: Collection[int]) -> int:
    """Frees what dead processes of this host hold, and what this owner dropped. The number of jobs freed."""
    freed = 0
    for other in Job.objects.exclude(lease_owner="").values_list("lease_owner", flat=True).distinct():
        if other == owner:
            dropped = Job.objects.filter(lease_owner=owner).exclude(pk__in=list(in_hand))
        elif is_dead(other.partition("#")[0]):
            dropped = Job.objects.filter(lease_owner=other)
        else:
            continue
        if dropped.exists():
            freed += dropped.update(lease_owner="", lease_until=None)
    return freed


def next_due() -> datetime | None:
    """When the earliest free job or wait falls due; None when nothing is planned."""
    job = Job.objects.filter(lease_owner="").aggregate(at=Min("run_at"))["at"]
    pause = Pause.objects.aggregate(at=Min("expires_at"))["at"]
    return min(filter(None, (job, pause)), default=None)
