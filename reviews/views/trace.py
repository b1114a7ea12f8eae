"""The trace of a request: where its time went, step by step."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from reviews.access import visible_request
from reviews.tracing import WHO, trace_of


@never_cache
@require_safe
@login_required
def trace(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = visible_request(request.user, reference)
    context = {"section": "history", "row": wanted, "trace": trace_of(wanted), "kinds": WHO.items()}
    return render(request, "reviews/trace.html", context)
