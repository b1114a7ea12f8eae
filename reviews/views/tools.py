"""Tools: what agents can call, in what state it is, and one tool's page."""

import json

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from governance.models import Tool
from governance.models.tools import DefinitionVerdict
from reviews import seeing, statistics
from reviews.models import Tally
from reviews.seeing import last_requests

SHOWN = 400  # more are found in the admin
VERSIONS = 5


@never_cache
@require_safe
@login_required
def tools(request: HttpRequest) -> HttpResponse:
    found = list(
        Tool.objects.visible_to(request.user).select_related("server__team")
        .order_by("server__name", "server_id", "exposed_name")[: SHOWN + 1]
    )
    today = statistics.sums_by(request.user, Tally.Kind.TOOL, statistics.period_of("today"))
    lines = [(tool, today.get(str(tool.pk), statistics.Sums())) for tool in found[:SHOWN]]
    context = {"section": "tools", "lines": lines, "is_cut": len(found) > SHOWN, "shown": SHOWN}
    return render(request, "reviews/tools.html", context)


@never_cache
@require_safe
@login_required
def tool(request: HttpRequest, pk: int) -> HttpResponse:
    wanted = Tool.objects.visible_to(request.user).select_related("server__team").filter(pk=pk).first()
    if wanted is None:
        raise Http404(f"There is no tool {pk} that you can see.")
    period = statistics.period_of("30d")
    picture = statistics.picture_of_subject(request.user, Tally.Kind.TOOL, wanted.pk, period)
    page, rows = last_requests(request, tool=wanted)
    context = {
        "section": "tools", "tool": wanted, "sums": picture.of(Tally.Kind.TOOL, wanted.pk), "picture": picture,
        "over_time": seeing.over_time(picture, period), "page": page, "rows": rows,
        "all": f"{reverse('history')}?tool={wanted.pk}",
        "schema": json.dumps(wanted.input_schema, ensure_ascii=False, indent=2),
        "accepted": wanted.versions.filter(digest=wanted.digest, verdict=DefinitionVerdict.ACCEPTED)
        .select_related("decided_by").first(),
        "versions": wanted.versions.select_related("decided_by")[:VERSIONS],
        "preview": seeing.preview_in_words(wanted.preview),
    }
    return render(request, "reviews/tool.html", context)
