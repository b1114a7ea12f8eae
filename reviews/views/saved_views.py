"""Saved views: save the filters of a list under a name, rename, delete."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from governance.errors import GovernanceError
from reviews import saved
from reviews.models import SavedView


@never_cache
@require_POST
@login_required
def save_view(request: HttpRequest) -> HttpResponse:
    page = "history" if request.POST.get("page") == "history" else "queue"
    query = QueryDict(request.POST.get("query", "")[: 4 * saved.MAX_QUERY_CHARS])
    try:
        view = saved.save_view(request.user, page=page, name=request.POST.get("name", ""), query=query)
    except GovernanceError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Saved as “%(name)s”.") % {"name": view.name})
    return redirect(f"{reverse(page)}?{saved.filters_in(page, query)}")


@never_cache
@require_POST
@login_required
def saved_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Renames it, or deletes it when the form's `delete` was pressed."""
    view = get_object_or_404(SavedView, pk=pk, user=request.user)
    if "delete" in request.POST:
        view.delete()
        messages.success(request, _("“%(name)s” is deleted.") % {"name": view.name})
        return redirect(view.page)
    try:
        saved.rename_view(view, name=request.POST.get("name", ""))
    except GovernanceError as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{reverse(view.page)}?{view.query}")
