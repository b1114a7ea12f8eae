"""What a waiting call would change, as a fragment: it may take two seconds, so the page loads it afterwards."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from governance.insight import preview_of
from reviews.access import visible_request


@never_cache
@require_safe
@login_required
def request_preview(request: HttpRequest, reference: str) -> HttpResponse:
    """Asks nobody about a call that was decided: what it changed is its result."""
    wanted = visible_request(request.user, reference)
    preview = preview_of(wanted, by=request.user) if wanted.is_waiting else None
    return render(request, "reviews/_partials/preview.html", {"row": wanted, "preview": preview})
