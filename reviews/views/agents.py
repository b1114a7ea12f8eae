"""Agents: who calls, what became of it, and one agent's page."""

from django.contrib.auth.decorators import login_required
from django.db.models import Max, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from governance.models import Agent, AgentToken, Tool
from reviews import seeing, statistics
from reviews.models import Tally
from reviews.seeing import last_requests

SHOWN = 200  # more are found in the admin


@never_cache
@require_safe
@login_required
def agents(request: HttpRequest) -> HttpResponse:
    found = list(
        Agent.objects.visible_to(request.user).select_related("team", "owner")
        .annotate(heard_at=Max("tokens__last_used_at")).order_by("name", "pk")[: SHOWN + 1]
    )
    today = statistics.sums_by(request.user, Tally.Kind.AGENT, statistics.period_of("today"))
    lines = [(agent, today.get(str(agent.pk), statistics.Sums())) for agent in found[:SHOWN]]
    context = {"section": "agents", "lines": lines, "is_cut": len(found) > SHOWN, "shown": SHOWN}
    return render(request, "reviews/agents.html", context)


@never_cache
@require_safe
@login_required
def agent(request: HttpRequest, pk: int) -> HttpResponse:
    wanted = Agent.objects.visible_to(request.user).select_related("team", "owner").filter(pk=pk).first()
    if wanted is None:
        raise Http404(f"There is no agent {pk} that you can see.")
    period = statistics.period_of("30d")
    picture = statistics.picture_of_subject(request.user, Tally.Kind.AGENT, wanted.pk, period)
    offered = Tool.objects.offered().filter(server__team=wanted.team_id).order_by("exposed_name")
    now = timezone.now()
    live = AgentToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), agent=wanted, revoked_at=None)
    page, rows = last_requests(request, agent=wanted)
    context = {
        "section": "agents", "agent": wanted, "sums": picture.of(Tally.Kind.AGENT, wanted.pk), "picture": picture,
        "over_time": seeing.over_time(picture, period), "page": page, "rows": rows,
        "all": f"{reverse('history')}?agent={wanted.pk}",
        "tokens": live.count(), "heard_at": wanted.tokens.aggregate(at=Max("last_used_at"))["at"],
        "tools": [tool for tool in offered[:SHOWN] if wanted.sees(tool.exposed_name)],
        "webhook": getattr(wanted, "webhook", None),
    }
    return render(request, "reviews/agent.html", context)
