"""History: every request, with filters and search."""

import re

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from governance.models import User
from reviews import queries, saved
from reviews.chips import chips_of, statuses_of
from reviews.forms import HistoryForm
from reviews.keyset import Page

# A whole reference, or enough of one that few requests begin so.
_REFERENCE = re.compile(r"evt_[0-9a-f]{4,16}")


@never_cache
@require_safe
@login_required
def history(request: HttpRequest) -> HttpResponse:
    form = HistoryForm(request.GET, user=request.user)
    form.is_valid()
    wanted = form.wanted()
    if _REFERENCE.fullmatch(wanted.text):
        found = _found(request.user, wanted.text)
        if len(found.rows) == 1:
            return redirect(found.rows[0])
    else:
        found = queries.history_page(
            request.user, wanted, after=request.GET.get("after", ""), before=request.GET.get("before", "")
        )
    tabs = saved.tabs_of(request.user, "history", request.GET)
    context = {
        "section": "history", "form": form, "found": found, "chips": chips_of(form, request.GET),
        "window": queries.WINDOW, "tabs": tabs, "filters": saved.filters_in("history", request.GET),
        "current_view": next((tab for tab in tabs if tab.is_current and tab.pk), None),
        "statuses": statuses_of(form, request.GET),
    }
    return render(request, "reviews/history.html", context)


def _found(user: User, start: str) -> queries.HistoryPage:
    return queries.HistoryPage(Page([]), queries.by_reference(user, start))
