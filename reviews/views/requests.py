"""One request: its page, its live parts, and decide."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from governance import actions
from governance.errors import NotAllowed, WrongState
from governance.models import GovernanceRequest
from governance.models.decisions import Source
from governance.states import Verdict
from reviews.access import visible_request
from reviews.cards import card_of
from reviews.forms import DecideForm


@never_cache
@require_safe
@login_required
def request_page(request: HttpRequest, reference: str) -> HttpResponse:
    return _page(request, visible_request(request.user, reference))


@never_cache
@require_safe
@login_required
def request_state(request: HttpRequest, reference: str) -> HttpResponse:
    """The parts of the page that change while it is open."""
    card = card_of(visible_request(request.user, reference), request.user)
    return render(request, "reviews/_partials/request_live.html", {"card": card, "form": DecideForm()})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def decide(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = visible_request(request.user, reference)
    if request.method != "POST":  # after a log-in on the way here
        return redirect(wanted)
    form = DecideForm(request.POST)
    if not form.is_valid():
        return _page(request, wanted, form=form, status=422)
    verdict = Verdict(form.cleaned_data["verdict"])
    try:
        actions.decide(
            wanted, reviewer=request.user, verdict=verdict, reason=form.cleaned_data["reason"], source=Source.CONSOLE
        )
    except NotAllowed as refusal:
        return _page(request, wanted, form=form, refusal=str(refusal), status=403)
    except WrongState as refusal:
        now = visible_request(request.user, reference)
        return _page(request, now, form=form, refusal=str(refusal), status=409)
    messages.success(request, _done(wanted, verdict))
    return redirect(wanted)


def _done(request: GovernanceRequest, verdict: Verdict) -> str:
    if verdict is Verdict.APPROVED:
        return f"Approved. {request.tool.exposed_name} runs once with exactly these arguments."
    return f"Rejected. Nothing runs, and {request.agent.name} is told your reason."


def _page(
    request: HttpRequest, wanted: GovernanceRequest, *, form: DecideForm | None = None, refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {"card": card_of(wanted, request.user), "form": form or DecideForm(), "refusal": refusal}
    return render(request, "reviews/request.html", context, status=status)
