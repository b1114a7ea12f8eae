"""Definitions that tool servers offer: what waits for a person, the page that shows the difference, accept and reject.

A person accepts exactly the stored definition that the page showed: a version never changes, and one that the server no
longer offers is refused.
"""

import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from unfold.admin import ModelAdmin
from unfold.decorators import display

from governance import actions
from governance.actions.halt import can_halt
from governance.errors import GovernanceError, WrongState
from governance.models import Tool, ToolServer, ToolVersion
from governance.models.tools import DefinitionVerdict
from reviews.admin.base import ReadOnlyAdmin, SeenLikeMixin, VisibleChoiceFilter
from reviews.admin.definition_page import DefinitionPage, marks_of, page_of
from reviews.admin.halts import WhyForm, may_halt_somewhere
from reviews.admin.site import site

MOST_AT_ONCE = 100
MOST_CHARS_AT_ONCE = 512 * 1024  # of the definitions on one page: each is inspected
MAX_REASON_CHARS = 500
MAX_VERSIONS_SHOWN = 20


def accepted_definition(tool: Tool) -> dict[str, Any] | None:
    """As MCP writes it; None before the first acceptance."""
    if not tool.digest:
        return None
    version = tool.versions.filter(digest=tool.digest).first()
    if version is not None:
        return version.definition
    return {
        "name": tool.name, "title": tool.title, "description": tool.description, "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema, "annotations": tool.annotations, "_meta": tool.meta,
    }


class WaitingFilter(admin.SimpleListFilter):
    """What waits, unless something else is asked for."""

    title, parameter_name = "verdict", "show"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("rejected", "Rejected, still offered"), ("accepted", "Accepted"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        return [{**first, "display": "To accept"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "rejected":
                offered = queryset.filter(tool__withdrawn_at=None, digest=F("tool__offered_digest"))
                return offered.filter(verdict=DefinitionVerdict.REJECTED)
            case "accepted":
                return queryset.filter(verdict=DefinitionVerdict.ACCEPTED)
            case "all":
                return queryset
        return queryset.pending()


class ServerOfVersion(VisibleChoiceFilter):
    title, parameter_name, model, path = "tool server", "server", ToolServer, "tool__server"


@admin.register(ToolVersion, site=site)
class ToolVersionAdmin(SeenLikeMixin, ReadOnlyAdmin):
    seen_like = "tool"
    list_display = ("tool", "server", "what", "marks", "standing", "seen_at", "decided_by")
    list_select_related = ("tool__server__team", "decided_by")
    list_filter = (WaitingFilter, ServerOfVersion)
    search_fields = ("tool__exposed_name",)
    search_help_text = "A tool's name"
    ordering = ("-id",)
    actions = ("accept_selected",)
    list_per_page = 25  # each row is inspected

    def has_accept_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return may_halt_somewhere(request.user)

    @admin.display(description="tool server")
    def server(self, version: ToolVersion) -> str:
        return str(version.tool.server)

    @display(description="what", label={"New": "info", "Changed": "warning"})
    def what(self, version: ToolVersion) -> str:
        return what_it_is(version)

    @admin.display(description="marks")
    def marks(self, version: ToolVersion) -> str:
        tags = ((mark,) for mark in marks_of(version.definition))
        return format_html_join(" ", '<span class="gv-tag gv-danger">{}</span>', tags)

    @display(description="verdict", label={"To accept": "warning", "Accepted": "success", "Rejected": "danger"})
    def standing(self, version: ToolVersion) -> str:
        return standing(version)

    @admin.action(description="Accept the selected …", permissions=["accept"])
    def accept_selected(self, request: HttpRequest, rows: QuerySet) -> HttpResponse | None:
        back = request.get_full_path()
        return accept_several(
            self, request, rows, back=back, title="Accept definitions", action="accept_selected"
        )

    # -- one definition ----------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        version = self.get_object(request, object_id)
        if version is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        if request.method != "POST":
            return self._show(request, version)
        if not can_halt(request.user, version.tool.server.team_id):
            raise PermissionDenied
        return self._decide(request, version)

    def _decide(self, request: HttpRequest, version: ToolVersion) -> HttpResponse:
        """409 when the definition is not what can be decided by now; the page says why."""
        reason, verdict = request.POST.get("reason", "").strip(), request.POST.get("verdict")
        accepted = _base_of(version)
        if len(reason) > MAX_REASON_CHARS:
            return self._show(request, version, f"A reason has at most {MAX_REASON_CHARS} characters.", 400)
        if not reason and (verdict == "reject" or page_of(version.definition, accepted).needs_a_reason):
            return self._show(request, version, "Say why, for whoever asks later.", 400)
        try:
            if verdict == "accept":
                accept(version, reason=reason, by=request.user)
            elif verdict == "reject":
                reject(version, reason=reason, by=request.user)
            else:
                return self._show(request, version, "Accept or reject it.", 400)
        except GovernanceError as error:
            version = self.get_object(request, str(version.pk))
            return self._show(request, version, str(error), 409 if isinstance(error, WrongState) else 400)
        self.message_user(request, f"The definition of {version.tool} is {verdict}ed.", messages.SUCCESS)
        rest = self.get_queryset(request).pending().filter(tool__server=version.tool.server_id)
        following = rest.order_by("-id").first()
        return HttpResponseRedirect(_address(following) if following else reverse(
            "admin:governance_toolversion_changelist"
        ))

    def _show(self, request: HttpRequest, version: ToolVersion, problem: str = "", status: int = 200) -> HttpResponse:
        tool = version.tool
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "version": version, "tool": tool,
            "title": f"Definition of {tool.exposed_name}", "page": page_of(version.definition, _base_of(version)),
            "what": what_it_is(version), "standing": standing(version), "problem": problem,
            "may_decide": can_halt(request.user, tool.server.team_id), "is_offered": version.is_offered,
            "is_accepted": tool.digest == version.digest, "reason": request.POST.get("reason", "")[:MAX_REASON_CHARS],
            "is_pending": version.verdict == DefinitionVerdict.PENDING,
            "others": tool.versions.exclude(pk=version.pk).select_related("decided_by")[:MAX_VERSIONS_SHOWN],
        }
        return TemplateResponse(request, "admin/reviews/definition.html", context, status=status)


def what_it_is(version: ToolVersion) -> str:
    return "Changed" if version.tool.digest else "New"


def standing(version: ToolVersion) -> str:
    if _counts(version):
        return "Accepted"
    if not version.is_offered:
        return "No longer offered"
    return "Rejected" if version.verdict == DefinitionVerdict.REJECTED else "To accept"


def accept(version: ToolVersion, *, reason: str, by: Any) -> None:
    """Raises WrongState when it counts already or is no longer offered."""
    if _counts(version):
        raise WrongState(f"This definition of {version.tool} is accepted already.")
    actions.accept_definition(version, reason=reason, by=by)


def reject(version: ToolVersion, *, reason: str, by: Any) -> None:
    """Raises WrongState when somebody decided before."""
    if version.verdict != DefinitionVerdict.PENDING:
        raise WrongState(f"This definition of {version.tool} is {version.get_verdict_display().lower()} already.")
    actions.reject_definition(version, reason=reason, by=by)


def accept_several(
    model_admin: ModelAdmin, request: HttpRequest, rows: QuerySet, *, back: str, title: str, action: str = ""
) -> HttpResponse | None:
    """A page that lists these definitions with their marks; what stays ticked is accepted, as it was shown.

    A definition that came in while the page was open is not among the ticked ones and waits on.
    """
    rows = rows.select_related("tool__server__team").order_by("tool__exposed_name")
    confirmed = request.method == "POST" and "confirmed" in request.POST
    form = WhyForm(request.POST if confirmed else None)
    if confirmed and form.is_valid():
        ticked = [key for key in request.POST.getlist(ACTION_CHECKBOX_NAME) if key.isdecimal() and len(key) < 19]
        _accept(model_admin, request, list(rows.filter(pk__in=ticked[:MOST_AT_ONCE])), form.cleaned_data["reason"])
        return HttpResponseRedirect(back)
    versions, is_cut = _within_bounds(list(rows[: MOST_AT_ONCE + 1]))
    shown = [_Row(version) for version in versions]
    context = {
        **model_admin.admin_site.each_context(request), "opts": model_admin.opts, "title": title, "rows": shown,
        "form": form, "action": action, "checkbox": ACTION_CHECKBOX_NAME, "back": back, "is_cut": is_cut,
    }
    return TemplateResponse(request, "admin/reviews/accept_several.html", context)


def _within_bounds(versions: list[ToolVersion]) -> tuple[list[ToolVersion], bool]:
    """As many of them, at least one, as one page shows; and whether there are more."""
    total, kept = 0, []
    for version in versions[:MOST_AT_ONCE]:
        total += len(json.dumps(version.definition))
        if kept and total > MOST_CHARS_AT_ONCE:
            break
        kept.append(version)
    return kept, len(kept) < len(versions)


class _Row:
    """One definition in the list of those to accept."""

    def __init__(self, version: ToolVersion) -> None:
        self.version, self.page = version, page_of(version.definition, _base_of(version), compare=False)
        self.what, self.address = what_it_is(version), _address(version)


def _accept(model_admin: ModelAdmin, request: HttpRequest, versions: list[ToolVersion], reason: str) -> None:
    """One verb a definition; what it refuses is said and does not stop the others."""
    done = 0
    for version in versions:
        if not can_halt(request.user, version.tool.server.team_id):
            model_admin.message_user(request, f"{version.tool}: that is not for you to accept.", messages.ERROR)
            continue
        try:
            accept(version, reason=reason, by=request.user)
            done += 1
        except GovernanceError as error:
            model_admin.message_user(request, f"{version.tool}: {error}", messages.ERROR)
    if done:
        model_admin.message_user(request, f"{done} definition{'s' * (done != 1)} accepted.", messages.SUCCESS)
    elif not versions:
        model_admin.message_user(request, "Nothing was ticked, nothing is accepted.", messages.WARNING)


def _counts(version: ToolVersion) -> bool:
    return version.tool.digest == version.digest


def _base_of(version: ToolVersion) -> dict[str, Any] | None:
    """What it is compared with: the definition that counts, unless this is it."""
    return None if _counts(version) else accepted_definition(version.tool)


def _address(version: ToolVersion) -> str:
    return reverse("admin:governance_toolversion_change", args=[version.pk])


def definition_page(tool: Tool) -> DefinitionPage | None:
    """The accepted definition of a tool, for its page."""
    accepted = accepted_definition(tool)
    return None if accepted is None else page_of(accepted, None)
