"""Tables of the embedded executor (governance/workflow/embedded); unused when an Inngest server drives the workflow."""

from django.db import models
from django.utils import timezone


class Event(models.Model):
    """The inbox. One row per accepted event id; kept to recognise a second send within 24 hours."""

    event_id = models.CharField(max_length=120, unique=True)
    name = models.CharField(max_length=100)
    data = models.JSONField(default=dict)
    ts = models.BigIntegerField(help_text="Milliseconds since 1970.")
    received_at = models.DateTimeField(default=timezone.now)
    processed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(processed_at=None), name="executor_event_unprocessed"),
        ]

    def __str__(self) -> str:
        return self.event_id


class Run(models.Model):
    class State(models.TextChoices):
        RUNNING = "RUNNING"
        COMPLETED = "COMPLETED"
        FAILED = "FAILED"
        CANCELLED = "CANCELLED"

    run_id = models.CharField(max_length=40, unique=True)
    function_id = models.CharField(max_length=200)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    stack = models.JSONField(default=list, help_text="Hashed step ids in completion order.")
    output = models.JSONField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["function_id", "event"], name="executor_one_run_per_function_and_event"),
        ]

    def __str__(self) -> str:
        return self.run_id


class Step(models.Model):
    """The memo of one finished step."""

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
    """A wait_for_event that has not been resumed."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="pauses")
    step_id = models.CharField(max_length=40)
    name = models.CharField(max_length=200, blank=True)
    event_name = models.CharField(max_length=100)
    expression = models.TextField(blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "step_id"], name="executor_one_pause_per_step")]
        indexes = [
            models.Index(fields=["event_name"], name="executor_pause_by_event"),
            models.Index(fields=["expires_at"], name="executor_pause_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.name}"


class Job(models.Model):
    """One call of a function that is due; claimed by a lease."""

    key = models.CharField(max_length=200, unique=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="jobs")
    step_id = models.CharField(max_length=40, default="step")
    run_at = models.DateTimeField(default=timezone.now)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["run_at", "id"], name="executor_job_due")]

    def __str__(self) -> str:
        return self.key
