"""Agents and their tokens. Operators and admins of a team equip its agents, its reviewers halt them as well; superusers
edit them.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from governance import actions
from governance.errors import GovernanceError
from governance.models import Agent, AgentToken, Team, Tool, User
from reviews.admin.base import ReadOnlyAdmin, SuperusersEditMixin, may_operate
from reviews.admin.halts import HaltableAdmin
from reviews.admin.site import site
from reviews.admin.tokens import confirm, revoke_selected, show_token

MOST_PREVIEWED = 500
SEES = (
    "One pattern per line over the names that agents call: * is any run of characters, github__* every tool of one "
    "server. Nothing: it sees no tool. Below is what the saved patterns give it."
)


class NewAgentForm(forms.Form):
    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget)
    team = forms.ModelChoiceField(Team.objects.none(), widget=UnfoldAdminSelectWidget)
    owner = forms.ModelChoiceField(
        User.objects.none(), required=False, widget=UnfoldAdminSelectWidget,
        help_text="Answers for the agent; can never decide its requests.",
    )


@admin.register(Agent, site=site)
class AgentAdmin(SuperusersEditMixin, HaltableAdmin):
    list_display = ("name", "team", "owner", "state", "halt_reason", "created_at")
    list_select_related = ("team", "owner")
    search_fields = ("name",)
    fields = ("name", "team", "owner", "visible_tools", "sees", "halted_at", "halted_reason", "created_at")
    readonly_fields = ("team", "sees", "halted_at", "halted_reason", "created_at")
    actions_list = ("create_agent",)
    actions_detail = ("halt", "resume", "issue_token")

    def get_form(
        self, request: HttpRequest, obj: Agent | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        return super().get_form(request, obj, change, help_texts={"visible_tools": SEES}, **kwargs)

    @admin.display(description="tools it sees")
    def sees(self, agent: Agent) -> str:
        """What the saved patterns give it, and why some of that cannot be called now."""
        tools = Tool.objects.filter(server__team_id=agent.team_id).select_related("server__team")
        found = list(tools.order_by("exposed_name")[:MOST_PREVIEWED])
        seen = [tool for tool in found if agent.sees(tool.exposed_name)]
        return render_to_string("admin/reviews/_tools_seen.html", {
            "seen": [(tool, tool.why_not_available()) for tool in seen], "hidden": len(found) - len(seen),
            "cut": len(found) == MOST_PREVIEWED,
        })

    def has_add_permission(self, request: HttpRequest) -> bool:
        """create_agent is the way: it makes the token too."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        """Halt an agent and revoke its tokens instead; its history needs it."""
        return False

    def has_create_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.is_superuser

    def has_operate_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Of the agent with this id."""
        agent = self.get_object(request, str(object_id)) if object_id else None
        return agent is not None and may_operate(request.user, agent.team_id)

    @action(description="Create agent …", url_path="create", permissions=["create"])
    def create_agent(self, request: HttpRequest) -> HttpResponse:
        form = NewAgentForm(request.POST if request.method == "POST" else None)
        form.fields["team"].queryset = Team.objects.order_by("name")
        form.fields["owner"].queryset = User.objects.filter(is_active=True).order_by("username")
        if form.is_valid():
            try:
                agent, token = actions.create_agent(**form.cleaned_data, by=request.user)
                return show_token(self, request, f"Token of {agent}", token)
            except GovernanceError as error:
                form.add_error(None, str(error))
        return confirm(self, request, "Create an agent", "Create agent and show its token", form)

    @action(description="Issue token …", url_path="issue-token", permissions=["operate"])
    def issue_token(self, request: HttpRequest, object_id: str) -> TemplateResponse:
        agent = self.get_object(request, object_id)
        if request.method != "POST":
            return confirm(self, request, f"Issue a new token for {agent}", "Issue token")
        return show_token(self, request, f"Token of {agent}", actions.issue_agent_token(agent, by=request.user))


@admin.register(AgentToken, site=site)
class AgentTokenAdmin(ReadOnlyAdmin):
    """Hashes are not shown to anybody."""

    list_display = ("prefix", "agent", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("agent",)
    fields = list_display
    ordering = ("-id",)
    actions = (revoke_selected,)

    def has_revoke_permission(self, request: HttpRequest, obj: AgentToken | None = None) -> bool:
        return may_operate(request.user)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """While revoking, only tokens of teams this person operates."""
        tokens = super().get_queryset(request)
        if request.method != "POST" or request.user.is_superuser:
            return tokens
        return tokens.filter(agent__team__in=[team for team in _teams(request.user) if may_operate(request.user, team)])


def _teams(user: User) -> list[int]:
    return list(Team.objects.visible_to(user).values_list("pk", flat=True))
