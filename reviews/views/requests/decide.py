"""Decide, as it is or edited; and undo."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from governance import actions
from governance.models import Decision, GovernanceRequest
from governance.models.decisions import Source
from governance.states import Verdict
from reviews.access import visible_request
from reviews.edits import unsigned
from reviews.forms_card import DecideForm
from reviews.undoing import remember
from reviews.views.requests.respond import INVALID, act, show


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def decide(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = visible_request(request.user, reference)
    if request.method != "POST":  # after a log-in on the way here
        return redirect(wanted)
    form = DecideForm(request.POST)
    arguments = None
    if request.POST.get("edited"):
        arguments = unsigned(wanted, request.user, request.POST["edited"])
        if arguments is None:
            return show(request, wanted, status=INVALID, refusal=_too_old(), decide=form)
    return act(request, wanted, form, "decide", lambda: _decide(request, wanted, form.cleaned_data, arguments))


def _decide(
    request: HttpRequest, wanted: GovernanceRequest, data: dict[str, Any], arguments: dict[str, Any] | None
) -> str:
    decision = actions.decide(
        wanted, reviewer=request.user, verdict=Verdict(data["verdict"]), reason=data["reason"],
        source=Source.CONSOLE, arguments=arguments,
    )
    remember(request, decision)
    return _done(decision)


def _done(decision: Decision) -> str:
    if decision.verdict == Verdict.REJECTED:
        return _("Rejected. Nothing runs, and {agent} is told your reason.").format(agent=decision.request.agent.name)
    if decision.is_edited:
        return _("Approved as you edited it. {tool} runs once with exactly these arguments.").format(
            tool=decision.request.tool.exposed_name
        )
    return _("Approved. {tool} runs once with exactly these arguments.").format(tool=decision.request.tool.exposed_name)


def _too_old() -> str:
    return _(
        "This edit was not sent: the call or its tool changed since you looked at the difference, or it was too long "
        "ago. Look at the difference once more."
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def undo(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = visible_request(request.user, reference)
    if request.method != "POST":
        return redirect(wanted)

    def verb() -> str:
        actions.undo(wanted, reviewer=request.user)
        return _("Undone. Nothing ran; the request waits for a decision again.")

    return act(request, wanted, None, "", verb)
