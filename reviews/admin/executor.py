"""The machinery: the executor's tables, heartbeats, seen signatures, log-in attempts. Superusers look."""

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.http import HttpRequest

from governance.models import Event, Heartbeat, Job, Pause, Run, Step
from reviews.admin.base import ReadOnlyAdmin, SuperusersOnlyMixin
from reviews.admin.site import site
from reviews.models import SeenSignature


class MachineryAdmin(SuperusersOnlyMixin, ReadOnlyAdmin):
    ordering = ("-pk",)


@admin.register(Event, site=site)
class EventAdmin(MachineryAdmin):
    list_display = ("event_id", "name", "received_at")


@admin.register(Run, site=site)
class RunAdmin(MachineryAdmin):
    list_display = ("run_id", "function_id", "state", "started_at", "ended_at")


@admin.register(Step, site=site)
class StepAdmin(MachineryAdmin):
    list_display = ("run", "name", "created_at")
    list_select_related = ("run",)


@admin.register(Pause, site=site)
class PauseAdmin(MachineryAdmin):
    list_display = ("run", "name", "event_name", "expires_at")
    list_select_related = ("run",)


@admin.register(Job, site=site)
class JobAdmin(MachineryAdmin):
    list_display = ("run", "step_id", "run_at", "attempt", "lease_owner", "lease_until")
    list_select_related = ("run",)


@admin.register(Heartbeat, site=site)
class HeartbeatAdmin(MachineryAdmin):
    list_display = ("name", "beat_at")


@admin.register(SeenSignature, site=site)
class SeenSignatureAdmin(MachineryAdmin):
    list_display = ("__str__", "expires_at")
    ordering = ("-expires_at",)


@admin.register(AccessLog, site=site)
class AccessLogAdmin(MachineryAdmin):
    list_display = ("username", "ip_address", "attempt_time", "logout_time")


@admin.register(AccessFailureLog, site=site)
class AccessFailureLogAdmin(MachineryAdmin):
    list_display = ("username", "ip_address", "attempt_time", "locked_out")


@admin.register(AccessAttempt, site=site)
class AccessAttemptAdmin(MachineryAdmin):
    """Deleting a row lets a locked-out person try again."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser


@admin.register(LogEntry, site=site)
class LogEntryAdmin(MachineryAdmin):
    list_display = ("action_time", "user", "content_type", "object_repr", "action_flag")
    list_select_related = ("user", "content_type")
