"""The queue: what waits for a person."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from reviews import queries
from reviews.access import visible_request
from reviews.forms import QueueForm


@never_cache
@require_safe
@login_required
def queue(request: HttpRequest) -> HttpResponse:
    return render(request, "reviews/queue.html", _context(request))


@never_cache
@require_safe
@login_required
def queue_rows(request: HttpRequest) -> HttpResponse:
    """The rows alone, as the live queue fetches them. Same address parameters as the page."""
    return render(request, "reviews/_partials/rows.html", _context(request))


@never_cache
@require_safe
@login_required
def queue_row(request: HttpRequest, reference: str) -> HttpResponse:
    """One row in whatever state it is now: a row decided elsewhere is marked in its place."""
    return render(request, "reviews/_partials/row.html", {"row": visible_request(request.user, reference)})


def _context(request: HttpRequest) -> dict[str, Any]:
    form = QueueForm(request.GET, user=request.user)
    form.is_valid()
    chosen = form.cleaned_data
    page = queries.queue_page(
        request.user, sort=chosen.get("sort") or "risk", agent=chosen.get("agent"), tool=chosen.get("tool"),
        after=request.GET.get("after", ""), before=request.GET.get("before", ""),
    )
    rows = queries.rows_of(request.user, page.keys)
    return {
        "form": form, "sort": chosen.get("sort") or "risk", "page": page, "rows": rows,
        "narrowed": bool(chosen.get("agent") or chosen.get("tool")), "chosen": chosen,
        "last_decision": None if rows else queries.last_decision(request.user),
    }
