"""The page of one request, its pane beside a list, and its live parts."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from reviews.access import visible_request
from reviews.cards import card_of
from reviews.views.requests.respond import card_context, full_context, said_before, show

NOT_CHANGED = 204


@never_cache
@require_safe
@login_required
def request_page(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = visible_request(request.user, reference)
    return show(request, wanted, **said_before(request, wanted))


@never_cache
@require_safe
@login_required
def request_pane(request: HttpRequest, reference: str) -> HttpResponse:
    """The card without the page around it, with everything that works in it."""
    context = full_context(card_of(visible_request(request.user, reference), request.user))
    return render(request, "reviews/_partials/card_body.html", {**context, "pane": True})


@never_cache
@require_safe
@login_required
def request_state(request: HttpRequest, reference: str) -> HttpResponse:
    """The parts of the card that change while it is open; nothing when `version` is still the one shown."""
    card = card_of(visible_request(request.user, reference), request.user)
    if request.GET.get("version") == card.version:
        return HttpResponse(status=NOT_CHANGED)
    return render(request, "reviews/_partials/request_live.html", card_context(card))
