"""The playground: the page itself speaks MCP to /mcp, as an agent of the person who plays. Nothing is simulated."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from governance.errors import InvalidArguments
from reviews import playing
from reviews.cards import status_of
from reviews.forms_connect import TeamForm
from reviews.operating import operated_teams, operators


@dataclass(frozen=True)
class Example:
    """A call to try; the page leaves out those whose tool the agent is not offered."""

    tool: str
    title: str
    note: str
    band: str
    arguments: Mapping[str, Any]

    @property
    def arguments_json(self) -> str:
        return json.dumps(self.arguments, ensure_ascii=False)


@never_cache
@require_safe
@login_required
def playground(request: HttpRequest) -> HttpResponse:
    return _page(request)


@never_cache
@require_POST
@login_required
def playground_begin(request: HttpRequest) -> HttpResponse:
    """Like every token this one is in the answer of the POST alone; the page's script takes it out of the page."""
    form = TeamForm(request.POST, user=request.user)
    if not operated_teams(request.user).exists():
        return _page(request, status=403)
    if not form.is_valid():
        return _page(request, form=form, status=422)
    try:
        play = playing.begin(request.user, form.cleaned_data["team"])
    except InvalidArguments as refusal:
        form.add_error(None, str(refusal))
        return _page(request, form=form, status=422)
    context = {
        "play": play, "examples": _examples(), "section": "playground",
        "deciders": playing.deciders(play.agent.team, request.user),
    }
    return render(request, "reviews/playground_play.html", context)


@never_cache
@require_POST
@login_required
def playground_end(request: HttpRequest) -> HttpResponse:
    """By the button, or by the page itself as it is left: then with the id of its own token, and without words."""
    if token := request.POST.get("token", ""):
        playing.end(request.user, token=token)
        return HttpResponse(status=204)
    if playing.end(request.user):
        messages.success(request, _("The playground’s token is revoked."))
    return redirect("playground")


@never_cache
@require_safe
@login_required
def playground_steps(request: HttpRequest, reference: str) -> HttpResponse:
    """The path of one of this person's own playground calls. 204 for any other: the live line names them all."""
    call = playing.played(request.user, reference)
    if call is None:
        return HttpResponse(status=204)
    context = {
        "call": call, "steps": playing.steps_of(call), "status": status_of(call), "decision": call.decision,
        "rule": playing.rule_in_words(call), "texts": playing.result_texts(call),
        "deciders": playing.deciders(call.team, request.user) if call.is_waiting else [],
    }
    return render(request, "reviews/_partials/playground_steps.html", context)


def _page(request: HttpRequest, *, form: TeamForm | None = None, status: int = 200) -> HttpResponse:
    teams = list(operated_teams(request.user)[:50])
    context = {
        "form": form or TeamForm(user=request.user), "teams": teams, "section": "playground",
        "operators": [] if teams else operators(request.user), "agents": playing.agents_of(request.user),
        "deciders": playing.deciders(teams[0], request.user) if len(teams) == 1 else None,
    }
    return render(request, "reviews/playground.html", context, status=status)


def _examples() -> list[Example]:
    """Of the built-in tools and the demo's sandbox."""
    return [
        Example(
            "check_payment_status", _("Look a payment up"), _("Reads only: goes through by itself."), "low",
            {"beneficiary_id": "BEN-123", "governance_reason": "Ada Obi asks when her next payment arrives."},
        ),
        Example(
            "request_payment_extension", _("Extend a payment"), _("Moves money: waits for a person."), "high",
            {
                "beneficiary_id": "BEN-174", "days": 30,
                "reason": "Her sickness lasts longer than the doctor expected.",
                "governance_reason": "Ingrid Haapala asked me to extend her payments by 30 days.",
            },
        ),
        Example(
            "modify_welfare_record", _("Change an account"), _("Where the money goes: the riskiest there is."), "high",
            {
                "beneficiary_id": "BEN-204", "field": "bank_account", "new_value": "XX11ATLS00000000000999",
                "reason": "She wrote that she has a new bank.",
                "governance_reason": "A letter asks to pay into another account from now on.",
            },
        ),
        Example(
            "check_payment_status", _("Ask for somebody unknown"), _("Allowed, and then refused by the tool."), "low",
            {"beneficiary_id": "BEN-999", "governance_reason": "The caller gave this number; I look up whose it is."},
        ),
        Example(
            "sandbox__shell_exec", _("Run a command"), _("The demo’s rules deny it outright."), "high",
            {"argv": ["ls", "notes"], "governance_reason": "I look for older notes."},
        ),
    ]
