"""The rule files of the teams. A stored version is never edited: a change is a new version, activating it another act.

Operators and admins of a team write and activate; everybody who sees the team reads.
"""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from governance import actions
from governance.canonical import check_depth
from governance.errors import GovernanceError
from governance.models import Agent, PolicyVersion, Team, Tool
from governance.policy import Policy, PolicyError, evaluate
from governance.rulings import active_policy, policy_call
from reviews.admin.base import ReadOnlyAdmin, SeenLikeMixin, VisibleChoiceFilter, may_operate
from reviews.admin.policy_page import in_words, lines_between, numbered, read
from reviews.admin.site import site
from reviews.strict_json import BadJson, loads

MAX_TEXT_CHARS = 128 * 1024  # parse says what is too long; this only bounds what it is given
MAX_ARGUMENTS_CHARS = 64 * 1024
MAX_ARGUMENTS_DEPTH = 32
FIRST_RULES = """version: 1
defaults: {threshold: 70, deadline: 24h}

rules: []
"""


class PolicyForm(forms.Form):
    text = forms.CharField(max_length=MAX_TEXT_CHARS, strip=False, widget=forms.Textarea(attrs={
        "spellcheck": "false", "autocomplete": "off", "autocapitalize": "off", "wrap": "off", "rows": 24,
        "aria-label": "Rules", "data-policy": "",
    }))
    note = forms.CharField(
        max_length=200, required=False, widget=UnfoldAdminTextInputWidget, help_text="What changes and why."
    )

    def clean_text(self) -> str:
        return _plain(self.cleaned_data["text"])

    def rules(self) -> str:
        """The rules as they stand in the editor, saved or not, valid or not; never more than the parser is given."""
        return _plain(str(self["text"].value() or "")[:MAX_TEXT_CHARS])


class TryForm(forms.Form):
    agent = forms.ModelChoiceField(Agent.objects.none(), widget=UnfoldAdminSelectWidget)
    tool = forms.ModelChoiceField(Tool.objects.none(), widget=UnfoldAdminSelectWidget)
    arguments = forms.CharField(
        initial="{}", max_length=MAX_ARGUMENTS_CHARS, label="Arguments as JSON",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false", "class": "font-mono"}),
    )

    def __init__(self, data: Any, *, team: Team) -> None:
        super().__init__(data)
        self.fields["agent"].queryset = Agent.objects.filter(team=team).order_by("name")
        tools = Tool.objects.filter(server__team=team).select_related("server")
        self.fields["tool"].queryset = tools.order_by("exposed_name")

    def clean_arguments(self) -> dict[str, Any]:
        try:
            arguments = loads(self.cleaned_data["arguments"].encode())
            check_depth(arguments, limit=MAX_ARGUMENTS_DEPTH)
            json.dumps(arguments).encode()
        except BadJson as error:
            raise forms.ValidationError(str(error).replace("The body", "This")) from error
        except GovernanceError as error:
            raise forms.ValidationError(str(error)) from error
        if not isinstance(arguments, dict):
            raise forms.ValidationError('An object, such as {"amount": 100}.')
        return arguments


class TeamOfPolicy(VisibleChoiceFilter):
    title, parameter_name, model = "team", "team", Team


@admin.register(PolicyVersion, site=site)
class PolicyVersionAdmin(SeenLikeMixin, ReadOnlyAdmin):
    seen_like = "team"
    list_display = ("name", "team", "standing", "note", "created_by", "created_at", "activated_by", "activated_at")
    list_select_related = ("team", "created_by", "activated_by")
    list_filter = (TeamOfPolicy,)
    ordering = ("-id",)
    actions_list = ("write",)
    actions_detail = ("edit", "activate")

    @admin.display(description="version", ordering="number")
    def name(self, version: PolicyVersion) -> str:
        return f"Version {version.number}"

    @display(description="state", label={"Active": "success", "Kept": "info"})
    def standing(self, version: PolicyVersion) -> str:
        return "Active" if version.active else "Kept"

    def has_write_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """For the team of this version; without one, for any team."""
        if object_id is None:
            return may_operate(request.user)
        version = self.get_object(request, str(object_id))
        return version is not None and may_operate(request.user, version.team_id)

    # -- reading -----------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        version = self.get_object(request, object_id)
        if version is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request, version):
            raise PermissionDenied  # a stored version is not edited by anybody
        return self._page(request, "policy", version.team, f"Policy version {version.number} of {version.team}", {
            "version": version, "reading": read(version.text), "lines": numbered(version.text),
            "difference": self._against_active(version.team, version.text),
            "may_write": may_operate(request.user, version.team_id),
        })

    # -- writing -----------------------------------------------------------------------------

    @action(description="Write a new version …", url_path="new", permissions=["write"], variant=ActionVariant.PRIMARY)
    def write(self, request: HttpRequest) -> HttpResponse:
        """For the team in `team`, beginning with its active rules or the newest ones."""
        teams = [team for team in Team.objects.visible_to(request.user).order_by("name")
                 if may_operate(request.user, team)]
        chosen = [team for team in teams if str(team.pk) == request.GET.get("team")] if len(teams) != 1 else teams
        if not chosen:
            return self._page(request, "policy_team", None, "For which team?", {"teams": teams})
        team = chosen[0]
        base = active_policy(team.pk) or team.policies.order_by("-number").first()
        return self._editor(request, team, base)

    @action(description="Edit as a new version", url_path="edit", permissions=["write"], variant=ActionVariant.PRIMARY)
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self._version(request, object_id)
        return self._editor(request, version.team, version)

    def _editor(self, request: HttpRequest, team: Team, base: PolicyVersion | None) -> HttpResponse:
        """Check, try and save are one form: what was typed is in every answer."""
        initial = {"text": base.text if base else FIRST_RULES}
        data = request.POST if request.method == "POST" else None
        form, trying = PolicyForm(data, initial=initial), TryForm(data, team=team)
        text = form.rules()
        reading = read(text)
        asked = request.POST.get("do", "")
        if asked == "save" and form.is_valid() and reading.policy is not None:
            return self._save(request, team, text, form.cleaned_data["note"])
        wrong = asked == "save"
        return self._page(request, "policy_edit", team, f"A new policy version for {team}", {
            "form": form, "trying": trying if asked == "try" else TryForm(data and _kept(data), team=team),
            "reading": reading, "base": base, "asked": asked, "wrong": wrong,
            "bad_lines": ",".join(str(problem.line) for problem, _ in reading.problems),
            "outcome": _outcome(reading.policy, trying) if asked == "try" else None,
            "difference": self._against_active(team, text), "active": active_policy(team.pk),
        }, status=400 if wrong else 200)

    def _save(self, request: HttpRequest, team: Team, text: str, note: str) -> HttpResponse:
        newest = team.policies.order_by("-number").first()
        version = actions.save_policy(team, text, note=note, by=request.user)
        if newest is not None and newest.pk == version.pk:
            self.message_user(request, f"Version {version.number} says exactly this already.", messages.WARNING)
        else:
            said = f"Version {version.number} is kept. It decides about nothing until it is activated."
            self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(_address(version))

    # -- activating --------------------------------------------------------------------------

    @action(description="Activate …", url_path="activate", permissions=["write"])
    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Shows what changes for the team; 409 when another version became active while the page was open."""
        version = self._version(request, object_id)
        active = active_policy(version.team_id)
        problem = ""
        if request.method == "POST":
            if request.POST.get("before", "") != (str(active.pk) if active else ""):
                problem = f"By now {active or 'no version'} is active. Look at what changes once more."
            else:
                try:
                    actions.activate_policy(version, by=request.user)
                except PolicyError as error:
                    problem = str(error)
                else:
                    said = f"Version {version.number} decides about every further call of {version.team}."
                    self.message_user(request, said, messages.SUCCESS)
                    return HttpResponseRedirect(_address(version))
        return self._page(request, "policy_activate", version.team, f"Activate version {version.number}", {
            "version": version, "active": active, "reading": read(version.text), "problem": problem,
            "difference": self._against_active(version.team, version.text),
        }, status=409 if problem else 200)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Nothing to activate on the active one."""
        found = super().get_actions_detail(request, object_id)
        version = self.get_object(request, str(object_id))
        is_active = version is not None and version.active
        return [one for one in found if not (is_active and one.action_name.endswith("_activate"))]

    # -- parts -------------------------------------------------------------------------------

    def _version(self, request: HttpRequest, object_id: str) -> PolicyVersion:
        version = self.get_object(request, object_id)
        if version is None:
            raise Http404
        return version

    def _against_active(self, team: Team, text: str) -> list[Any]:
        active = active_policy(team.pk)
        return lines_between(active.text if active else "", text)

    def _page(
        self, request: HttpRequest, name: str, team: Team | None, title: str, context: dict[str, Any], status: int = 200
    ) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "team": team}
        return TemplateResponse(request, f"admin/reviews/{name}.html", {**shared, **context}, status=status)


def _plain(text: str) -> str:
    """Browsers send every end of a line as two characters."""
    return text.replace("\r\n", "\n")


def _kept(data: Any) -> dict[str, Any] | None:
    """What stands in the try-out's fields, when something does: shown again, not checked again."""
    return data if data.get("agent") and data.get("tool") else None


def _outcome(policy: Policy | None, trying: TryForm) -> dict[str, str] | None:
    """What the unsaved rules say of the call that was typed."""
    if policy is None or not trying.is_valid():
        return None
    tool = trying.cleaned_data["tool"]
    call = policy_call(trying.cleaned_data["agent"].name, tool, trying.cleaned_data["arguments"])
    found = evaluate(policy, call)
    return {"effect": str(found.effect), "rule": found.rule, "words": in_words(found), "message": found.message}


def _address(version: PolicyVersion) -> str:
    return reverse("admin:governance_policyversion_change", args=[version.pk])
