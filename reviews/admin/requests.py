"""Requests: everything read-only; approve and reject through the one verb, after a page that asks for the reason."""

import json
import logging
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from governance import actions
from governance.actions.decide import MAX_DECISION_REASON_CHARS
from governance.changes import changes
from governance.characters import visible
from governance.errors import GovernanceError
from governance.logs import log_reference
from governance.models import (
    Agent,
    Assessment,
    Decision,
    Execution,
    GovernanceRequest,
    Question,
    Team,
    Tool,
    Transition,
)
from governance.models.decisions import Source
from governance.states import Status, Verdict
from reviews.admin.base import ReadOnlyAdmin, ReadOnlyInline, VisibleChoiceFilter
from reviews.admin.site import site
from reviews.names import attach_names
from reviews.sentences import sentence_of

log = logging.getLogger(__name__)

MOST_AT_ONCE = 50


class ReasonForm(forms.Form):
    reason = forms.CharField(
        required=False, max_length=MAX_DECISION_REASON_CHARS, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="Shown to the agent and kept as evidence.",
    )


class StatusFilter(admin.SimpleListFilter):
    title, parameter_name = "status", "status"

    def lookups(self, request: HttpRequest, model_admin: ReadOnlyAdmin) -> list[tuple[str, str]]:
        return list(Status.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(status=self.value()) if self.value() in Status.values else queryset


class AgentFilter(VisibleChoiceFilter):
    title, parameter_name, model = "agent", "agent", Agent


class ToolFilter(VisibleChoiceFilter):
    title, parameter_name, model, label = "tool", "tool", Tool, "exposed_name"


class AssessmentInline(ReadOnlyInline):
    model = Assessment
    fields = ("risk_score", "classification", "action", "rationale", "contributions", "scorer", "failure")


class DecisionInline(ReadOnlyInline):
    model = Decision
    fields = ("round", "verdict", "decided_by", "reason", "edited", "source", "created_at")
    readonly_fields = ("decided_by", "edited")

    @admin.display(description="arguments as edited")
    def edited(self, decision: Decision) -> str:
        """How what was approved differs from the agent's call, a line each."""
        if not decision.is_edited:
            return ""
        found = [change.as_json() for change in changes(decision.request.arguments, decision.arguments)]
        return visible("\n".join(json.dumps(change, ensure_ascii=False) for change in found))


class QuestionInline(ReadOnlyInline):
    model = Question
    fields = ("asked_at", "asked_by", "text", "answered_at", "answer")


class TransitionInline(ReadOnlyInline):
    model = Transition
    fields = ("at", "from_status", "to_status", "actor", "reason")


class ExecutionInline(ReadOnlyInline):
    model = Execution
    fields = ("claimed_at", "returned_at", "attempts", "is_error", "is_unknown", "result", "error")


@admin.register(GovernanceRequest, site=site)
class RequestAdmin(ReadOnlyAdmin):
    list_display = (
        "reference", "status", "parked", "risk_score", "agent", "tool", "team", "received_at", "deadline", "in_console",
    )
    list_select_related = ("agent", "tool__server", "team")
    list_filter = (StatusFilter, AgentFilter, ToolFilter)
    search_fields = ("reference",)
    search_help_text = "A reference, or its beginning: evt_…"
    fields = (
        "reference", "in_console", "sentence", "status", "why_parked", "risk_score", "policy", "threshold", "round",
        "team", "agent", "tool", "tool_digest", "stated_reason", "intent", "arguments_json", "arguments_digest",
        "context_json", "received_at", "deadline", "decided_at", "release_at", "finished_at", "claim",
    )
    readonly_fields = ("in_console", "sentence", "why_parked", "policy", "claim")
    inlines = (AssessmentInline, DecisionInline, QuestionInline, TransitionInline, ExecutionInline)
    actions = ("approve_selected", "reject_selected")
    actions_detail = ("approve", "reject")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With one team, said outright: the indexes begin with it. visible_to alone is a sub-query they cannot use."""
        rows = super().get_queryset(request)
        teams = list(Team.objects.visible_to(request.user).values_list("pk", flat=True)[:2])
        return rows.filter(team=teams[0]) if len(teams) == 1 else rows

    def get_search_results(self, request: HttpRequest, rows: QuerySet, term: str) -> tuple[QuerySet, bool]:
        """By the index on references; a plain icontains reads every row."""
        term = term.strip().lower()
        if not term:
            return rows, False
        return rows.filter(reference__startswith=term, reference__gte=term, reference__lt=f"{term}g"), False

    @admin.display(description="console")
    def in_console(self, request: GovernanceRequest) -> str:
        return format_html('<a class="text-primary-600" href="{}">Open</a>', request.get_absolute_url())

    @admin.display(description="what it wants")
    def sentence(self, request: GovernanceRequest) -> str:
        attach_names([request])
        return f"{sentence_of(request)}."

    @admin.display(description="read by")
    def claim(self, request: GovernanceRequest) -> str:
        """Who has claimed it, with the note of who handed it over."""
        claimant = request.claimant
        return visible(f"{claimant.display_name} {request.claim_note}".strip()) if claimant else ""

    @display(description="", label="danger")
    def parked(self, request: GovernanceRequest) -> str:
        return "Parked" if request.why_parked() else ""

    @admin.display(description="parked")
    def why_parked(self, request: GovernanceRequest) -> str:
        return request.why_parked()

    @admin.display(description="policy")
    def policy(self, request: GovernanceRequest) -> str:
        """The rule that ruled on it, with a link to its version."""
        rule = f"Rule {request.policy_rule} ({request.policy_effect})"
        version = request.policy_version
        if version is None:
            return f"{rule} of the default policy, which scores everything"
        address = reverse("admin:governance_policyversion_change", args=[version.pk])
        return format_html('{} of <a class="gv-link" href="{}">version {}</a>', rule, address, version.number)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        """Nothing to decide on what does not wait; what is parked can be rejected alone."""
        row = self.get_object(request, str(object_id))
        if row is None or not row.is_waiting:
            return []
        found = super().get_actions_detail(request, object_id)
        return [one for one in found if not (row.why_parked() and one.action_name.endswith("_approve"))]

    def has_decide_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("governance.decide_request")

    # -- deciding ----------------------------------------------------------------------------

    @admin.action(description="Approve the selected requests …", permissions=["decide"])
    def approve_selected(self, request: HttpRequest, rows: QuerySet) -> HttpResponse | None:
        return self._decide_selected(request, rows, Verdict.APPROVED)

    @admin.action(description="Reject the selected requests …", permissions=["decide"])
    def reject_selected(self, request: HttpRequest, rows: QuerySet) -> HttpResponse | None:
        return self._decide_selected(request, rows, Verdict.REJECTED)

    @action(description="Approve …", url_path="approve", permissions=["decide"], variant=ActionVariant.PRIMARY)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide_one(request, object_id, Verdict.APPROVED)

    @action(description="Reject …", url_path="reject", permissions=["decide"], variant=ActionVariant.DANGER)
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide_one(request, object_id, Verdict.REJECTED)

    def _decide_selected(self, request: HttpRequest, rows: QuerySet, verdict: Verdict) -> HttpResponse | None:
        chosen = list(rows.select_related("agent", "tool__server")[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(request, f"Decide at most {MOST_AT_ONCE} requests at once.", messages.ERROR)
            return None
        form = ReasonForm(request.POST if "decide" in request.POST else None)
        if form.is_valid():
            self._decide(request, chosen, verdict, form.cleaned_data["reason"])
            return None
        name = "approve_selected" if verdict is Verdict.APPROVED else "reject_selected"
        return self._ask(request, chosen, verdict, form, action=name)

    def _decide_one(self, request: HttpRequest, object_id: str, verdict: Verdict) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404(f"There is no request {object_id[:40]} that you can see.")
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            self._decide(request, [row], verdict, form.cleaned_data["reason"])
            return HttpResponseRedirect(reverse("admin:governance_governancerequest_change", args=[row.pk]))
        return self._ask(request, [row], verdict, form)

    def _decide(
        self, request: HttpRequest, rows: list[GovernanceRequest], verdict: Verdict, reason: str
    ) -> None:
        """One verb a request; what it refuses is said and does not stop the others."""
        for row in rows:
            with log_reference(row.reference):
                try:
                    decision = actions.decide(
                        row, reviewer=request.user, verdict=verdict, reason=reason, source=Source.ADMIN
                    )
                except GovernanceError as error:
                    log.info("admin: %s by %s refused: %s", verdict, request.user.username, error)
                    self.message_user(request, f"{row.reference}: {error}", messages.ERROR)
                else:
                    log.info("admin: %s by %s", decision.verdict, request.user.username)
                    self.message_user(
                        request, f"{row.reference} is {decision.get_verdict_display().lower()}.", messages.SUCCESS
                    )

    def _ask(
        self, request: HttpRequest, rows: list[GovernanceRequest], verdict: Verdict, form: ReasonForm, action: str = ""
    ) -> TemplateResponse:
        attach_names(rows)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request), "opts": self.opts, "rows": rows, "form": form, "action": action,
            "approving": verdict is Verdict.APPROVED, "checkbox": admin.helpers.ACTION_CHECKBOX_NAME,
            "title": "Approve" if verdict is Verdict.APPROVED else "Reject",
        }
        return TemplateResponse(request, "admin/reviews/decide.html", context)
