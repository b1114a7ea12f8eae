"""Halt and resume in the admin: one row from its page, several from the list, with one reason, by the two verbs."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from governance import actions
from governance.actions.halt import MAX_HALT_REASON_CHARS, OPERATING_ROLES, can_halt, team_of
from governance.errors import GovernanceError
from governance.models import Agent, GovernanceRequest, Membership, Team, Tool, ToolServer, User
from reviews.admin.base import VisibleAdmin

MOST_AT_ONCE = 100
MOST_COUNTED = 100  # open requests that a halt would park
_REQUESTS_OF: dict[type, str] = {Agent: "agent", Tool: "tool", ToolServer: "tool__server", Team: "team"}

STATES = {
    "Halted": "danger", "Off": "info", "Withdrawn": "info", "To accept": "warning", "Not read yet": "warning",
    "Down": "danger", "Runs": "success", "Up": "success", "Offered": "success",
}


class WhyForm(forms.Form):
    reason = forms.CharField(max_length=MAX_HALT_REASON_CHARS, widget=UnfoldAdminTextInputWidget)

    def __init__(self, data: Any = None, *, help_text: str = "Kept as evidence.") -> None:
        super().__init__(data)
        self.fields["reason"].help_text = help_text


def may_halt_somewhere(user: User) -> bool:
    """Whether there is any team whose agents, tools and servers this person may stop."""
    if not user.is_active or user.is_superuser:
        return user.is_active
    return Membership.objects.filter(user=user, role__in=OPERATING_ROLES).exists()


class HaltableAdmin(VisibleAdmin):
    """For rows that can be halted. Whoever may decide about calls of a team may also stop them."""

    actions = ("halt_selected", "resume_selected")
    actions_detail = ("halt", "resume")

    @display(description="state", label=STATES)
    def state(self, row: Model) -> str:
        return "Halted" if row.is_halted else "Runs"

    @admin.display(description="halted because")
    def halt_reason(self, row: Model) -> str:
        return row.halted_reason

    def has_halt_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Of the row with this id; without one, of any row."""
        if object_id is None:
            return may_halt_somewhere(request.user)
        row = self.get_object(request, str(object_id))
        return row is not None and can_halt(request.user, team_of(row))

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Of halt and resume only the one that would change something."""
        row = self.get_object(request, str(object_id))
        useless = "halt" if row is not None and row.is_halted else "resume"
        found = super().get_actions_detail(request, object_id)
        return [one for one in found if not one.action_name.endswith(f"_{self.opts.model_name}_{useless}")]

    @action(description="Halt …", url_path="halt", permissions=["halt"], variant=ActionVariant.DANGER)
    def halt(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._one(request, object_id, halting=True)

    @action(description="Resume …", url_path="resume", permissions=["halt"], variant=ActionVariant.PRIMARY)
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._one(request, object_id, halting=False)

    @admin.action(description="Halt the selected …", permissions=["halt"])
    def halt_selected(self, request: HttpRequest, rows: QuerySet) -> HttpResponse | None:
        return self._several(request, rows, halting=True)

    @admin.action(description="Resume the selected …", permissions=["halt"])
    def resume_selected(self, request: HttpRequest, rows: QuerySet) -> HttpResponse | None:
        return self._several(request, rows, halting=False)

    def _one(self, request: HttpRequest, object_id: str, *, halting: bool) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        form = _form(request.POST if request.method == "POST" else None, halting)
        if not form.is_valid():
            return self._ask_why(request, [row], form, halting=halting)
        self._switch(request, [row], form.cleaned_data["reason"], halting=halting)
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponseRedirect(reverse(page, args=[row.pk]))

    def _several(self, request: HttpRequest, rows: QuerySet, *, halting: bool) -> HttpResponse | None:
        chosen = list(rows[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(request, f"At most {MOST_AT_ONCE} at once.", messages.ERROR)
            return None
        form = _form(request.POST if "confirmed" in request.POST else None, halting)
        if form.is_valid():
            self._switch(request, chosen, form.cleaned_data["reason"], halting=halting)
            return None
        return self._ask_why(request, chosen, form, halting=halting, action=request.POST.get("action", ""))

    def _switch(self, request: HttpRequest, rows: list[Model], reason: str, *, halting: bool) -> None:
        """One verb a row; what it refuses is said and does not stop the others."""
        verb, state = (actions.halt, "halted") if halting else (actions.resume, "running")
        for row in rows:
            try:
                changed = verb(row, reason=reason, by=request.user)
            except GovernanceError as error:
                self.message_user(request, f"{row}: {error}", messages.ERROR)
            else:
                how, level = ("is", messages.SUCCESS) if changed else ("was", messages.WARNING)
                self.message_user(request, f"{row} {how} {state}{'' if changed else ' before'}.", level)

    def _ask_why(
        self, request: HttpRequest, rows: list[Model], form: WhyForm, *, halting: bool, action: str = ""
    ) -> TemplateResponse:
        word = "Halt" if halting else "Resume"
        name = str(rows[0]) if len(rows) == 1 else f"{len(rows)} {self.opts.verbose_name_plural}"
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "title": f"{word} {name}", "form": form,
            "rows": [(row, open_requests(row)) for row in rows], "halting": halting, "word": word, "action": action,
            "checkbox": ACTION_CHECKBOX_NAME, "most": MOST_COUNTED, "what": self.opts.verbose_name,
        }
        return TemplateResponse(request, "admin/reviews/halt.html", context)


def _form(data: Any, halting: bool) -> WhyForm:
    return WhyForm(data, help_text="The agents are told." if halting else "Kept as evidence, like the halt's.")


def open_requests(subject: Model) -> int:
    """How many open requests hang on it; MOST_COUNTED stands for more."""
    rows = GovernanceRequest.objects.open().filter(**{_REQUESTS_OF[type(subject)]: subject})
    return len(rows.order_by().values_list("pk")[:MOST_COUNTED])
