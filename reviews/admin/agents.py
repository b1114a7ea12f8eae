"""Agents and their tokens. Operators and admins of a team halt, resume and equip its agents; superusers edit them."""

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from governance import actions
from governance.errors import GovernanceError
from governance.models import Agent, AgentToken, Team, User
from reviews.admin.base import ReadOnlyAdmin, SuperusersEditMixin, VisibleAdmin, may_operate
from reviews.admin.site import site
from reviews.admin.tokens import confirm, revoke_selected, show_token


class HaltForm(forms.Form):
    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextInputWidget, help_text="The agent is told.")


class NewAgentForm(forms.Form):
    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget)
    team = forms.ModelChoiceField(Team.objects.none(), widget=UnfoldAdminSelectWidget)
    owner = forms.ModelChoiceField(
        User.objects.none(), required=False, widget=UnfoldAdminSelectWidget,
        help_text="Answers for the agent; can never decide its requests.",
    )


@admin.register(Agent, site=site)
class AgentAdmin(SuperusersEditMixin, VisibleAdmin):
    list_display = ("name", "team", "owner", "is_halted", "halted_reason", "created_at")
    list_select_related = ("team", "owner")
    search_fields = ("name",)
    fields = ("name", "team", "owner", "visible_tools", "halted_at", "halted_reason", "created_at")
    readonly_fields = ("team", "halted_at", "halted_reason", "created_at")
    actions_list = ("create_agent",)
    actions_detail = ("halt", "resume", "issue_token")

    @admin.display(boolean=True, description="halted")
    def is_halted(self, agent: Agent) -> bool:
        return agent.is_halted

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

    @action(description="Halt …", url_path="halt", permissions=["operate"])
    def halt(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask_why(request, object_id, actions.halt, "Halt", "halted")

    @action(description="Resume …", url_path="resume", permissions=["operate"])
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask_why(request, object_id, actions.resume, "Resume", "running")

    @action(description="Issue token …", url_path="issue-token", permissions=["operate"])
    def issue_token(self, request: HttpRequest, object_id: str) -> TemplateResponse:
        agent = self.get_object(request, object_id)
        if request.method != "POST":
            return confirm(self, request, f"Issue a new token for {agent}", "Issue token")
        return show_token(self, request, f"Token of {agent}", actions.issue_agent_token(agent, by=request.user))

    def _ask_why(self, request: HttpRequest, object_id: str, verb: object, word: str, state: str) -> HttpResponse:
        agent = self.get_object(request, object_id)
        form = HaltForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return confirm(self, request, f"{word} {agent}", word, form)
        if verb(agent, reason=form.cleaned_data["reason"], by=request.user):
            self.message_user(request, f"{agent} is {state}.", messages.SUCCESS)
        else:
            self.message_user(request, f"{agent} was {state} before.", messages.WARNING)
        return HttpResponseRedirect(reverse("admin:governance_agent_change", args=[agent.pk]))


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
