"""Tools: operators and admins of a team switch them on and off; how a tool looks comes from its server and was accepted
by a person (reviews/admin/definitions.py).
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from governance.errors import InvalidArguments
from governance.lookups import preview_rule_of, why_not_asked
from governance.models import Team, Tool, ToolServer
from reviews.admin.base import VisibleChoiceFilter, may_operate
from reviews.admin.definitions import definition_page
from reviews.admin.halts import STATES, HaltableAdmin
from reviews.admin.site import site

HALTED = (
    Q(halted_at__isnull=False) | Q(server__halted_at__isnull=False) | Q(server__team__halted_at__isnull=False)
)
OFF = Q(enabled=False) | Q(server__enabled=False)


class StateFilter(admin.SimpleListFilter):
    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [
            ("offered", "Agents may call it"), ("quarantined", "To accept"), ("withdrawn", "Withdrawn"),
            ("halted", "Halted"), ("off", "Off"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "offered":
                return queryset.filter(withdrawn_at=None, digest=F("offered_digest")).exclude(HALTED).exclude(OFF)
            case "quarantined":
                return queryset.filter(withdrawn_at=None).exclude(digest=F("offered_digest"))
            case "withdrawn":
                return queryset.exclude(withdrawn_at=None)
            case "halted":
                return queryset.filter(HALTED)
            case "off":
                return queryset.filter(OFF)
        return queryset


class ToolForm(forms.ModelForm):
    """Only what the gateway itself knows of a tool; the rest is its server's."""

    class Meta:
        model = Tool
        fields = ("enabled", "preview", "reversibility")
        widgets: ClassVar = {"preview": UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"})}
        help_texts: ClassVar = {
            "preview": "What reviewers see before it runs, from a read-only tool of the same server. "
            '{"dry_run": "NAME"} is called with the same arguments; {"read": "NAME", "arguments": {"id": '
            '"/customer_id"}, "before": {"limit": "/limit"}, "after": {"limit": "/new_limit"}} reads what is there '
            "now. Places are JSON pointers: arguments and after into the call's arguments, before into the answer.",
            "reversibility": "How to take it back, in words: Reversible until the next pay run.",
        }

    def clean_preview(self) -> dict[str, Any]:
        written = self.cleaned_data["preview"] or {}
        try:
            rule = preview_rule_of(written)
        except InvalidArguments as error:
            raise forms.ValidationError(str(error)) from error
        if rule and (problem := why_not_asked(self.instance.server, rule.tool)):
            raise forms.ValidationError(problem)
        return written


class ServerOfTool(VisibleChoiceFilter):
    title, parameter_name, model = "tool server", "server", ToolServer


@admin.register(Tool, site=site)
class ToolAdmin(HaltableAdmin):
    list_display = ("exposed_name", "server", "title", "state", "why")
    list_select_related = ("server__team",)
    list_filter = (StateFilter, ServerOfTool)
    search_fields = ("exposed_name", "name", "title")
    form = ToolForm
    fields = ("enabled", "exposed_name", "server", "name", "why", "preview", "reversibility", "definitions")
    readonly_fields = ("exposed_name", "server", "name", "why", "definitions")

    @display(description="state", label=STATES)
    def state(self, tool: Tool) -> str:
        if tool.is_halted or tool.server.is_halted or tool.server.team.is_halted:
            return "Halted"
        if not (tool.enabled and tool.server.enabled):
            return "Off"
        if tool.withdrawn_at is not None:
            return "Withdrawn"
        return "To accept" if tool.is_quarantined else "Offered"

    @admin.display(description="why not")
    def why(self, tool: Tool) -> str:
        return tool.why_not_available()

    @admin.display(description="definition")
    def definitions(self, tool: Tool) -> str:
        return render_to_string("admin/reviews/_accepted.html", {
            "page": definition_page(tool), "tool": tool,
            "offered": tool.versions.filter(digest=tool.offered_digest).first() if tool.is_quarantined else None,
        })

    def team_of(self, obj: Tool) -> Team:
        return obj.server.team

    def has_add_permission(self, request: HttpRequest, obj: Tool | None = None) -> bool:
        """Its server offers it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Tool | None = None) -> bool:
        return may_operate(request.user, obj.server.team_id if obj is not None else None)

    def has_delete_permission(self, request: HttpRequest, obj: Tool | None = None) -> bool:
        """Requests and definitions hang on it."""
        return False
