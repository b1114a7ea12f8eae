"""What happened: read-only for everybody. The database refuses changes to most of it as well."""

from django.contrib import admin

from governance.models import Assessment, Decision, EvidenceEntry, Execution, OutboxEvent, Question, Transition
from reviews.admin.base import ReadOnlyAdmin
from reviews.admin.site import site


class PartAdmin(ReadOnlyAdmin):
    """Of a request: newest first, by the primary key, which needs no sort."""

    ordering = ("-id",)
    list_select_related = ("request",)


@admin.register(Assessment, site=site)
class AssessmentAdmin(PartAdmin):
    list_display = ("request", "risk_score", "classification", "action", "scorer", "failure", "created_at")


@admin.register(Decision, site=site)
class DecisionAdmin(PartAdmin):
    list_display = ("request", "verdict", "decided_by", "source", "created_at")
    list_select_related = ("request", "reviewer")


@admin.register(Question, site=site)
class QuestionAdmin(PartAdmin):
    list_display = ("request", "text", "asked_by", "asked_at", "answered_at")
    list_select_related = ("request", "asked_by")


@admin.register(Transition, site=site)
class TransitionAdmin(PartAdmin):
    list_display = ("request", "from_status", "to_status", "actor", "at")


@admin.register(Execution, site=site)
class ExecutionAdmin(PartAdmin):
    list_display = ("request", "claimed_at", "returned_at", "attempts", "is_error", "is_unknown")


@admin.register(EvidenceEntry, site=site)
class EvidenceEntryAdmin(PartAdmin):
    list_display = ("id", "fact", "request", "actor", "at")


@admin.register(OutboxEvent, site=site)
class OutboxEventAdmin(PartAdmin):
    list_display = ("event_id", "name", "created_at", "sent_at", "attempts", "last_error")
