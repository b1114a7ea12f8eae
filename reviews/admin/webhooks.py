"""Where agents' platforms are told of outcomes, and every attempt. Operators and admins of a team set and change these.

A secret is shown once, on the answer itself. The whole address is shown to whoever may change it, others see its host.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from governance import actions
from governance.actions.deliveries import ANNOUNCED, pending_deliveries
from governance.actions.webhooks import receiver_of
from governance.addresses import MAX_URL_CHARS
from governance.errors import GovernanceError
from governance.models import Agent, AgentWebhook, Membership, WebhookDelivery
from reviews.admin.base import OPERATING_ROLES, ReadOnlyAdmin, VisibleChoiceFilter, may_operate
from reviews.admin.site import site
from reviews.admin.tokens import confirm

MOST_AT_ONCE = 200
STATES = {"On": "success", "Off": "danger", "Failing": "warning"}
LEAD = "Outcomes of this agent's calls are announced there, signed, without arguments and results."
ROTATING = "Every delivery from now on is signed with the new secret. Let the receiver accept both meanwhile."
OUTCOMES = {"Delivered": "success", "Given up": "danger", "Tried again": "warning", "Waiting": "info"}


class WebhookForm(forms.Form):
    agent = forms.ModelChoiceField(Agent.objects.none(), widget=UnfoldAdminSelectWidget)
    url = forms.CharField(
        label="Address", max_length=MAX_URL_CHARS, widget=UnfoldAdminTextInputWidget,
        help_text="https://… with a public address. An agent has one webhook; another address replaces the first.",
    )


@admin.register(AgentWebhook, site=site)
class AgentWebhookAdmin(ReadOnlyAdmin):
    list_display = ("agent", "team", "receiver", "state", "waiting", "created_at")
    list_select_related = ("agent__team",)
    ordering = ("-id",)
    search_fields = ("agent__name",)
    actions_list = ("set_webhook",)
    actions_detail = ("rotate", "switch_on", "switch_off", "remove")

    def get_fields(self, request: HttpRequest, obj: AgentWebhook | None = None) -> tuple[str, ...]:
        where = "url" if obj is not None and may_operate(request.user, obj.agent.team_id) else "receiver"
        return ("agent", "team", where, "enabled", "health", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: AgentWebhook | None = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "team", "receiver", "health"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With what waits for each webhook of the page: one look at the index of what is not delivered."""
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        note_waiting(changelist.result_list)
        return changelist

    @admin.display(description="team")
    def team(self, webhook: AgentWebhook) -> str:
        return str(webhook.agent.team)

    @admin.display(description="receiver")
    def receiver(self, webhook: AgentWebhook) -> str:
        return receiver_of(webhook.url)

    @display(description="state", label=STATES)
    def state(self, webhook: AgentWebhook) -> str:
        if not webhook.enabled:
            return "Off"
        return "Failing" if webhook.waiting_tries > 1 else "On"

    @admin.display(description="waiting")
    def waiting(self, webhook: AgentWebhook) -> str:
        return str(webhook.waiting_rows or "–")

    @admin.display(description="health")
    def health(self, webhook: AgentWebhook) -> str:
        note_waiting([webhook])
        newest = webhook.deliveries.exclude(delivered_at=None, last_error="").order_by("-created_at", "-id")[:20]
        tried = list(newest)
        if not tried:
            return f"{webhook.waiting_rows} waiting; none was tried yet."
        good = sum(row.delivered_at is not None for row in tried)
        problem = next((f" Last problem: {row.last_error}." for row in tried if row.last_error), "")
        return f"{good} of the newest {len(tried)} were delivered, {webhook.waiting_rows} wait.{problem}"

    def has_operate_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Of the webhook with this id; without one, of any team's."""
        if object_id is None:
            return may_operate(request.user)
        webhook = self.get_object(request, str(object_id))
        return webhook is not None and may_operate(request.user, webhook.agent.team_id)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Of on and off only the one that would change something."""
        row = self.get_object(request, str(object_id))
        useless = "switch_on" if row is not None and row.enabled else "switch_off"
        found = super().get_actions_detail(request, object_id)
        return [one for one in found if not one.action_name.endswith(f"_{self.opts.model_name}_{useless}")]

    @action(description="Set webhook …", url_path="set", permissions=["operate"], variant=ActionVariant.PRIMARY)
    def set_webhook(self, request: HttpRequest) -> HttpResponse:
        form = WebhookForm(request.POST if request.method == "POST" else None)
        form.fields["agent"].queryset = agents_operated_by(request)
        if form.is_valid():
            agent = form.cleaned_data["agent"]
            try:
                secret = actions.set_agent_webhook(agent, form.cleaned_data["url"], by=request.user)
            except GovernanceError as error:
                form.add_error(None, str(error))
            else:
                return self._show_secret(request, f"Secret of {agent}'s webhook", secret)
        return confirm(self, request, "Set an agent's webhook", "Set webhook and show its secret", form, lead=LEAD)

    @action(description="New secret …", url_path="rotate", permissions=["operate"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        webhook = self._found(request, object_id)
        if request.method != "POST":
            return confirm(self, request, f"A new secret for the {webhook}", "Replace the secret", lead=ROTATING)
        secret = actions.rotate_webhook_secret(webhook, by=request.user)
        return self._show_secret(request, f"Secret of the {webhook}", secret)

    @action(description="Switch on …", url_path="on", permissions=["operate"], variant=ActionVariant.PRIMARY)
    def switch_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        lead = "Outcomes are announced again from now on. What was given up can be sent again from the delivery log."
        return self._switch(request, object_id, "Switch on", actions.enable_webhook, lead)

    @action(description="Switch off …", url_path="off", permissions=["operate"], variant=ActionVariant.DANGER)
    def switch_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        lead = "Nothing is announced any more, and what waits is given up."
        return self._switch(request, object_id, "Switch off", actions.disable_webhook, lead)

    @action(description="Remove …", url_path="remove", permissions=["operate"], variant=ActionVariant.DANGER)
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        lead = "The address, the secret and the delivery log are deleted."
        return self._switch(request, object_id, "Remove", actions.remove_webhook, lead)

    def _switch(
        self, request: HttpRequest, object_id: str, word: str, verb: Callable[..., bool], lead: str
    ) -> HttpResponse:
        webhook = self._found(request, object_id)
        if request.method != "POST":
            return confirm(self, request, f"{word}: {webhook}", word, lead=lead)
        if verb(webhook, by=request.user):
            self.message_user(request, f"{word}: {webhook}. Done.", messages.SUCCESS)
        else:
            self.message_user(request, "Somebody else did it before.", messages.WARNING)
        return HttpResponseRedirect(reverse("admin:governance_agentwebhook_changelist"))

    def _found(self, request: HttpRequest, object_id: str) -> AgentWebhook:
        webhook = self.get_object(request, object_id)
        if webhook is None:
            raise Http404
        return webhook

    def _show_secret(self, request: HttpRequest, title: str, secret: str) -> TemplateResponse:
        """In clear in this answer only, as a token is (tokens.show_token)."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "secret": secret}
        response = TemplateResponse(request, "admin/reviews/webhook_secret.html", context)
        response["Cache-Control"] = "no-store"
        return response


def agents_operated_by(request: HttpRequest) -> QuerySet[Agent]:
    agents = Agent.objects.visible_to(request.user).select_related("team").order_by("name")
    if request.user.is_superuser:
        return agents
    own = Membership.objects.filter(user=request.user, role__in=OPERATING_ROLES)
    return agents.filter(team__in=own.values("team"))


def note_waiting(webhooks: Sequence[AgentWebhook]) -> None:
    """Sets `waiting_rows`, and `waiting_tries`: how often the most tried of them was sent."""
    rows = pending_deliveries().filter(webhook__in=webhooks).order_by().values("webhook_id")
    found = {row["webhook_id"]: row for row in rows.annotate(rows=Count("pk"), tries=Max("attempts"))}
    for webhook in webhooks:
        row = found.get(webhook.pk, {"rows": 0, "tries": 0})
        webhook.waiting_rows, webhook.waiting_tries = row["rows"], row["tries"]


class OutcomeFilter(admin.SimpleListFilter):
    title, parameter_name = "outcome", "outcome"
    FILTERS: ClassVar = {
        "waiting": {"delivered_at": None, "failed_at": None},
        "delivered": {"delivered_at__isnull": False},
        "given-up": {"delivered_at": None, "failed_at__isnull": False},
    }

    def lookups(self, request: HttpRequest, model_admin: ReadOnlyAdmin) -> list[tuple[str, str]]:
        return [(name, name.replace("-", " ").capitalize()) for name in self.FILTERS]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(**self.FILTERS.get(self.value(), {}))


class EventFilter(admin.SimpleListFilter):
    title, parameter_name = "event", "event"

    def lookups(self, request: HttpRequest, model_admin: ReadOnlyAdmin) -> list[tuple[str, str]]:
        return [(f"request.{status}", f"request.{status}") for status in sorted(ANNOUNCED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(event=self.value()) if self.value() else queryset


class WebhookAgentFilter(VisibleChoiceFilter):
    title, parameter_name, model = "agent", "webhook__agent", Agent


@admin.register(WebhookDelivery, site=site)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = (
        "event", "request", "agent", "outcome", "attempts", "last_status", "last_error", "created_at", "not_before",
    )
    list_select_related = ("request", "webhook__agent")
    list_filter = (OutcomeFilter, EventFilter, WebhookAgentFilter)
    search_fields = ("request__reference",)
    fields = (
        "message_id", "webhook", "request", "event", "outcome", "attempts", "last_status", "last_error", "created_at",
        "not_before", "delivered_at", "failed_at",
    )
    readonly_fields = ("message_id", "outcome")
    actions = ("send_again",)

    @admin.display(description="agent")
    def agent(self, delivery: WebhookDelivery) -> str:
        return str(delivery.webhook.agent)

    @admin.display(description="webhook-id")
    def message_id(self, delivery: WebhookDelivery) -> str:
        return str(delivery.pk)

    @display(description="outcome", label=OUTCOMES)
    def outcome(self, delivery: WebhookDelivery) -> str:
        if delivery.delivered_at:
            return "Delivered"
        if delivery.failed_at:
            return "Given up"
        return "Tried again" if delivery.attempts else "Waiting"

    def has_operate_permission(self, request: HttpRequest, obj: WebhookDelivery | None = None) -> bool:
        return may_operate(request.user)

    @admin.action(description="Send again what was given up", permissions=["operate"])
    def send_again(self, request: HttpRequest, rows: QuerySet) -> None:
        chosen = list(rows.select_related("webhook__agent__team")[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(request, f"At most {MOST_AT_ONCE} at once.", messages.ERROR)
            return
        try:
            again = actions.send_again(chosen, by=request.user)
        except GovernanceError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        left = len(chosen) - again
        note = f" {left} left alone: delivered, still waiting, or of a webhook that is off." if left else ""
        self.message_user(request, f"{again} sent again.{note}", messages.SUCCESS if again else messages.WARNING)
