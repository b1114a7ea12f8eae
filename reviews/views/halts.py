"""Stop: halt and resume agents, tools, tool servers and teams. Everybody of a team sees what stands still."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from governance import actions
from governance.actions.halt import Subject, can_halt, team_of
from governance.errors import InvalidArguments, NotAllowed
from governance.models import Agent, Team, Tool, ToolServer, User
from reviews.forms import HaltForm

SHOWN = 200  # of each kind; more are found in the admin
KINDS: dict[str, type[Subject]] = {"team": Team, "agent": Agent, "server": ToolServer, "tool": Tool}
_TITLES = {
    "team": gettext_lazy("Teams"), "agent": gettext_lazy("Agents"), "server": gettext_lazy("Tool servers"),
    "tool": gettext_lazy("Tools"),
}
_NAMES = {
    "team": gettext_lazy("team"), "agent": gettext_lazy("agent"), "server": gettext_lazy("tool server"),
    "tool": gettext_lazy("tool"),
}


@dataclass(frozen=True)
class Stoppable:
    """One line of the page."""

    kind: str
    subject: Subject
    team: Team
    is_changeable: bool

    @property
    def kind_name(self) -> str:
        return str(_NAMES[self.kind])

    @property
    def note(self) -> str:
        return self.subject.server.name if self.kind == "tool" else ""


@never_cache
@require_safe
@login_required
def halts(request: HttpRequest) -> HttpResponse:
    return _page(request)


@never_cache
@require_POST
@login_required
def halt(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    return _switch(request, kind, pk, actions.halt, gettext_lazy("%(name)s is halted."))


@never_cache
@require_POST
@login_required
def resume(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    return _switch(request, kind, pk, actions.resume, gettext_lazy("%(name)s runs again."))


def find(user: User, kind: str, pk: int) -> Subject:
    """Raises Http404 alike for hidden and for unknown."""
    subject = KINDS[kind].objects.visible_to(user).filter(pk=pk).first() if kind in KINDS else None
    if subject is None:
        raise Http404(f"There is no {kind[:20]} {pk} that you can see.")
    return subject


def _switch(
    request: HttpRequest, kind: str, pk: int, verb: Callable[..., bool], done: str
) -> HttpResponse:
    subject = find(request.user, kind, pk)
    form = HaltForm(request.POST)
    if not form.is_valid():
        return _page(request, refusal=" ".join(form.errors["reason"]), status=422)
    try:
        changed = verb(subject, reason=form.cleaned_data["reason"], by=request.user)
    except NotAllowed as refusal:
        return _page(request, refusal=str(refusal), status=403)
    except InvalidArguments as refusal:
        return _page(request, refusal=str(refusal), status=422)
    messages.success(request, (done if changed else _("%(name)s was in that state before.")) % {"name": subject})
    return redirect("halts")


def _page(request: HttpRequest, *, refusal: str = "", status: int = 200) -> HttpResponse:
    lines = _lines(request.user)
    halted = [line for line in lines if line.subject.is_halted]
    running = [line for line in lines if not line.subject.is_halted]
    kinds = [(_TITLES[kind], list(group)) for kind, group in groupby(running, key=lambda line: line.kind)]
    context = {"halted": halted, "kinds": kinds, "refusal": refusal, "shown": SHOWN, "section": "stop"}
    return render(request, "reviews/halts.html", context, status=status)


def _lines(user: User) -> list[Stoppable]:
    rows: list[tuple[str, Subject]] = [
        *(("team", team) for team in Team.objects.visible_to(user).order_by("name")[:SHOWN]),
        *(("agent", agent) for agent in Agent.objects.visible_to(user).select_related("team").order_by("name")[:SHOWN]),
        *(
            ("server", server)
            for server in ToolServer.objects.visible_to(user).select_related("team").order_by("name")[:SHOWN]
        ),
        *(
            ("tool", tool)
            for tool in Tool.objects.visible_to(user).filter(withdrawn_at=None).select_related("server__team")
            .order_by("exposed_name")[:SHOWN]
        ),
    ]
    may = {team.pk: can_halt(user, team) for team in {team_of(subject) for _, subject in rows}}
    return [Stoppable(kind, subject, team_of(subject), may[team_of(subject).pk]) for kind, subject in rows]
