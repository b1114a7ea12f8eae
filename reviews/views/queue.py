"""The queue: what waits for a person."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from reviews import facets, queries, saved
from reviews.access import visible_request
from reviews.marks import attach_marks
from reviews.narrowing import Narrowing


@never_cache
@require_safe
@login_required
def queue(request: HttpRequest) -> HttpResponse:
    return render(request, "reviews/queue.html", _context(request))


@never_cache
@require_safe
@login_required
def queue_rows(request: HttpRequest) -> HttpResponse:
    """Filters and rows alone, as the live queue fetches them. Same address parameters as the page."""
    return render(request, "reviews/_partials/queue_live.html", _context(request))


@never_cache
@require_safe
@login_required
def queue_row(request: HttpRequest, reference: str) -> HttpResponse:
    """One row in whatever state it is now: a row decided elsewhere is marked in its place."""
    row = visible_request(request.user, reference)
    attach_marks([row], request.user)
    return render(request, "reviews/_partials/row.html", {"row": row})


def _context(request: HttpRequest) -> dict[str, Any]:
    narrowing = Narrowing.read(request.GET)
    sort = request.GET.get("sort", "")
    sort = sort if sort in queries.QUEUE_ORDERS else "risk"
    page = queries.queue_page(
        request.user, sort=sort, narrowed=narrowing.of(request.user) if narrowing else None,
        after=request.GET.get("after", ""), before=request.GET.get("before", ""),
    )
    rows = queries.rows_of(request.user, page.keys)
    attach_marks(rows, request.user)
    seen = facets.look(request.user)
    tabs = saved.tabs_of(request.user, "queue", request.GET, seen)
    return {
        "section": "queue", "sort": sort, "page": page, "rows": rows, "narrowing": narrowing, "tabs": tabs,
        "facets": facets.facets(request.user, narrowing, seen, sort), "filters": saved.filters_in("queue", request.GET),
        "current_view": next((tab for tab in tabs if tab.is_current and tab.pk), None),
        "last_decision": None if rows else queries.last_decision(request.user),
    }
