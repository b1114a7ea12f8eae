"""Tables of the embedded executor (governance/workflow/embedded); unused when an Inngest server drives the workflow."""

from django.db import models
from django.utils import timezone


class Event(models.Model):
    """The inbox: an accepted event until the executor has started its runs and resumed its waits."""

    event_id = models.CharField(max_length=120)
    name = models.CharField(max_length=100)
    data = models.JSONField(default=dict)
    ts = models.BigIntegerField(help_text="Milliseconds since 1970.")
    received_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.event_id

    @property
    def as_json(self) -> dict[str, object]:
        """The event as a function sees it."""
        return {"id": self.event_id, "name": self.name, "data": self.data, "ts": self.ts}


class Run(models.Model):
    class State(models.TextChoices):
        RUNNING = "RUNNING"
        COMPLETED = "COMPLETED"
        FAILED = "FAILED"

    run_id = models.CharField(max_length=40, unique=True)
    function_id = models.CharField(max_length=200)
    # The triggering event's id. After 24 hours a second send of it may start a run again, and takes the key over.
    event_key = models.CharField(max_length=160)
    event = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    output = models.JSONField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["function_id", "event_key"], name="executor_one_run_per_event"),
        ]
        indexes = [
            # The clean-up reads what ended long ago.
            models.Index(fields=["ended_at"], condition=models.Q(ended_at__isnull=False), name="executor_run_ended"),
        ]

    def __str__(self) -> str:
        return self.run_id


class Step(models.Model):
    """The memo of one finished step. The ids grow in completion order: a run's results commit one after another."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    step_id = models.CharField(max_length=40)
    name = models.CharField(max_length=200, blank=True)
    memo = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "step_id"], name="executor_one_memo_per_step")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.name}"


class Pause(models.Model):
    """A step that ends at a time with null (sleep) or, before it, with a matching event (wait_for_event)."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="pauses")
    step_id = models.CharField(max_length=40)
    name = models.CharField(max_length=200, blank=True)
    event_name = models.CharField(max_length=100, blank=True, help_text="Empty for a sleep.")
    expression = models.TextField(blank=True)
    # `path=value` of one equality the event must fulfil, so that an event looks at few of many waits.
    match_key = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "step_id"], name="executor_one_pause_per_step")]
        indexes = [
            models.Index(fields=["event_name", "match_key"], name="executor_pause_by_event"),
            models.Index(fields=["expires_at"], name="executor_pause_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.name}"


class Job(models.Model):
    """One call of a function that is due at `run_at`; claimed by a lease."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="jobs")
    step_id = models.CharField(max_length=40, default="step", help_text='The one step to run, or "step": go on.')
    run_at = models.DateTimeField(default=timezone.now)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)
    # Counts the claims; a result is kept only while the claim that produced it is the newest.
    fence = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "step_id"], name="executor_one_job_per_step")]
        indexes = [models.Index(fields=["run_at", "id"], name="executor_job_due")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.step_id}#{self.attempt}"
