"""Tool servers: superusers add and change them; a team's reviewers, operators and admins read their tools, halt and
resume them and accept what they offer.
"""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Count, F, Model, Q, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_post_parameters
from unfold.decorators import action, display

from governance import actions
from governance.errors import GovernanceError, InvalidArguments
from governance.models import EntityName, Team, ToolServer, ToolVersion
from reviews.admin.base import ReadOnlyAdmin, SuperusersEditMixin, SuperusersOnlyMixin
from reviews.admin.definitions import accept_several
from reviews.admin.halts import STATES, HaltableAdmin
from reviews.admin.server_form import ToolServerForm, where
from reviews.admin.site import site
from reviews.admin.tokens import confirm

SHOWN = 60  # characters of an address in the list
READING = "The gateway asks the server what it offers. New and changed tools then wait until a person accepts them."
BUILT_IN = ("team", "slug", "kind", "url", "command", "args", "cwd")


@admin.register(ToolServer, site=site)
class ToolServerAdmin(SuperusersEditMixin, HaltableAdmin):
    form = ToolServerForm
    list_display = ("name", "team", "kind", "place", "state", "tool_count", "waiting_count", "listed_at", "trouble")
    list_select_related = ("team",)
    search_fields = ("name", "slug", "url")
    actions_detail = ("read_tools", "accept_offered", "halt", "resume")
    readonly_fields = ("health", "listed_at")
    # Alpine shows what fits the kind; without it all fields are there, and the form checks what fits.
    conditional_fields: ClassVar = {
        "url": "kind == 'http' || kind == 'sse'", "headers": "kind == 'http' || kind == 'sse'",
        "remove_headers": "kind == 'http' || kind == 'sse'", "command": "kind == 'stdio'", "args": "kind == 'stdio'",
        "cwd": "kind == 'stdio'", "env": "kind == 'stdio'", "remove_env": "kind == 'stdio'",
    }

    # -- the list ----------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        present = Q(tools__withdrawn_at=None)
        return super().get_queryset(request).annotate(
            tools_now=Count("tools", filter=present),
            tools_waiting=Count("tools", filter=present & ~Q(tools__digest=F("tools__offered_digest"))),
        )

    @admin.display(description="where")
    def place(self, server: ToolServer) -> str:
        text = where(server)
        return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"

    @display(description="state", label=STATES)
    def state(self, server: ToolServer) -> str:
        return "Not read yet" if server.state == "new" else server.state.capitalize()

    @admin.display(description="tools", ordering="tools_now")
    def tool_count(self, server: ToolServer) -> str:
        return _link("admin:governance_tool_changelist", f"server={server.pk}", server.tools_now)

    @admin.display(description="to accept", ordering="tools_waiting")
    def waiting_count(self, server: ToolServer) -> str:
        if not server.tools_waiting:
            return "–"
        return _link("admin:governance_toolversion_changelist", f"server={server.pk}", server.tools_waiting)

    @admin.display(description="trouble")
    def trouble(self, server: ToolServer) -> str:
        return server.halted_reason if server.is_halted else server.last_error[:120]

    # -- its page ----------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: ToolServer | None = None) -> list[tuple[str | None, dict]]:
        if obj is not None and not self.has_change_permission(request, obj):
            fields = ("team", "name", "slug", "kind", "enabled", "url", "command", "args", "cwd", "resolvers")
            return [(None, {"fields": (*fields, *self._about())})]
        remote = obj is None or obj.is_remote
        shown = list(ToolServerForm(instance=obj).fields)
        secrets = [name for name in ("headers", "remove_headers", "env", "remove_env") if name in shown]
        return [
            *([("How it is", {"fields": self._about()})] if obj is not None else []),
            ("What it is", {"fields": ("name", "slug", "team", "kind", "enabled")}),
            *([("Where it is", {"fields": ("url", "command", "args", "cwd", *secrets)})] if remote else []),
            ("Limits", {"fields": ("timeout_seconds", "max_result_bytes")}),
            *([("What agents may read besides its tools", {"fields": ("allowed_resources", "allowed_prompts")})]
              if remote else []),
            *([("Names instead of ids", {"fields": ("resolvers",)})] if remote and obj is not None else []),
        ]

    def _about(self) -> tuple[str, ...]:
        return ("health", "listed_at")

    def get_readonly_fields(self, request: HttpRequest, obj: ToolServer | None = None) -> tuple[str, ...]:
        """What tools are called by, and whose they are, stays: stored names and evidence hang on it."""
        if obj is None:
            return self.readonly_fields
        fixed = ("team", "slug") if obj.is_remote else BUILT_IN
        return (*self.readonly_fields, *fixed)

    @admin.display(description="health")
    def health(self, server: ToolServer) -> str:
        return render_to_string("admin/reviews/_health.html", {
            "server": server, "state": self.state(server), "waiting": server.tools_waiting, "tools": server.tools_now,
        })

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The only team, where there is one."""
        teams = list(Team.objects.values_list("pk", flat=True)[:2])
        return {**({"team": teams[0]} if len(teams) == 1 else {}), **super().get_changeform_initial_data(request)}

    def has_delete_permission(self, request: HttpRequest, obj: ToolServer | None = None) -> bool:
        """Switch one off instead: requests and evidence hang on its tools."""
        return False

    @method_decorator(sensitive_post_parameters("headers", "env"))
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except InvalidArguments as error:  # somebody else was faster than the form's check
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:governance_toolserver_changelist"))

    def save_model(self, request: HttpRequest, obj: ToolServer, form: ModelForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            if form.secrets_change():
                actions.replace_secrets(
                    obj, headers=form.secrets("headers"), env=form.secrets("env"), by=request.user
                )
            return
        columns = {name: form.cleaned_data[name] for name in ToolServerForm.Meta.fields if name in form.cleaned_data}
        server = actions.add_tool_server(
            **columns, headers=form.secrets("headers"), env=form.secrets("env"), by=request.user
        )
        obj.pk, obj._state.adding, obj._state.db = server.pk, False, server._state.db
        self.message_user(request, "Now read its tools, and accept those that agents shall see.", messages.INFO)

    def response_add(
        self, request: HttpRequest, obj: Model, post_url_continue: str | None = None
    ) -> HttpResponse:
        """To its page: reading its tools is what comes next."""
        super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(_page(obj))

    # -- acts --------------------------------------------------------------------------------

    @action(description="Read tools now …", url_path="read-tools", permissions=["halt"])
    def read_tools(self, request: HttpRequest, object_id: str) -> HttpResponse:
        server = self._server(request, object_id)
        if request.method != "POST":
            return confirm(self, request, f"Read the tools of {server}", "Read tools now", lead=READING)
        try:
            tools = actions.read_tools(server)
        except GovernanceError as error:
            self.message_user(request, f"{server} could not be asked: {error}", messages.ERROR)
            return HttpResponseRedirect(_page(server))
        waiting = sum(tool.is_quarantined for tool in tools)
        offers = f"{server} offers {len(tools)} tool{'s' * (len(tools) != 1)}; {waiting} to accept."
        self.message_user(request, offers, messages.SUCCESS)
        left_out = ToolServer.objects.get(pk=server.pk).last_error
        if left_out:
            self.message_user(request, f"Left out: {left_out}", messages.WARNING)
        return HttpResponseRedirect(_page(server))

    @action(description="Accept what it offers …", url_path="accept-offered", permissions=["halt"])
    def accept_offered(self, request: HttpRequest, object_id: str) -> HttpResponse:
        server = self._server(request, object_id)
        rows = ToolVersion.objects.filter(tool__server=server).pending()
        return accept_several(self, request, rows, back=_page(server), title=f"Accept what {server} offers")

    def _server(self, request: HttpRequest, object_id: str) -> ToolServer:
        server = self.get_object(request, object_id)
        if server is None:
            raise Http404
        return server


def _page(server: Model) -> str:
    return reverse("admin:governance_toolserver_change", args=[server.pk])


def _link(name: str, query: str, text: object) -> str:
    return format_html('<a class="gv-link" href="{}?{}">{}</a>', reverse(name), query, text)


@admin.register(EntityName, site=site)
class EntityNameAdmin(SuperusersOnlyMixin, ReadOnlyAdmin):
    """What tool servers said that ids are called (mcp_bridge/downstream/names.py)."""

    list_display = ("value", "name", "server", "looked_up_at")
    list_select_related = ("server",)
    search_fields = ("value", "name")
