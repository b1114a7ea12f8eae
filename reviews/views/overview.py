"""The overview: today's picture, and that of the last weeks."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from reviews import seeing, statistics


@never_cache
@require_safe
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    period = statistics.period_of(request.GET.get("range", ""))
    picture = statistics.picture_of(request.user, period)
    waiting = statistics.waiting_now(request.user)
    context = {
        "section": "overview", "period": period, "periods": seeing.PERIODS, "picture": picture, "waiting": waiting,
        "over_time": seeing.over_time(picture, period), "waits": seeing.waits_chart(picture),
        "tables": seeing.tables_of(request.user, picture, period),
        "is_new": not (picture.all["received"] or waiting.count or statistics.has_requests(request.user)),
        "since": period.start.date().isoformat(),
    }
    return render(request, "reviews/overview.html", context)
