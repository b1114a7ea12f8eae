"""Connect an agent: a token, shown once, in the words of its client, and a light that turns on when it is used."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from governance import actions
from governance.errors import InvalidArguments
from governance.models import Agent, AgentToken, User
from governance.models.tokens import hash_token
from reviews.connecting import clients
from reviews.forms_connect import ExistingAgentForm, NewAgentForm, TokenForm
from reviews.heard import heard_of
from reviews.operating import may_operate, operated_teams, operators

TOKENS_SHOWN = 20


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def connect(request: HttpRequest) -> HttpResponse:
    """The token's clear text is in the answer of the POST alone: in no address, no message, no session."""
    if request.method != "POST":
        return _page(request, existing=_existing(request, initial={"agent": request.GET.get("agent", "")}))
    if request.POST.get("kind") == "new":
        return _issue(request, "new", _new(request, request.POST), _create)
    return _issue(request, "existing", _existing(request, request.POST), _further)


@never_cache
@require_safe
@login_required
def connect_token(request: HttpRequest, pk: int) -> HttpResponse:
    """One token, without its clear text: whether it was heard from."""
    token = _visible(request.user, pk)
    context = {"heard": heard_of(token), "may_revoke": may_operate(request.user, token.agent.team_id)}
    return render(request, "reviews/connect_token.html", {**context, "section": "connect"})


@never_cache
@require_safe
@login_required
def connect_heard(request: HttpRequest, pk: int) -> HttpResponse:
    """The light alone. 204 while it is as the page has it: nothing is swapped, nothing is read aloud."""
    heard = heard_of(_visible(request.user, pk))
    if request.GET.get("sign") == heard.sign:
        return HttpResponse(status=204)
    return render(request, "reviews/_partials/heard.html", {"heard": heard})


@never_cache
@require_POST
@login_required
def connect_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = _visible(request.user, pk)
    if not may_operate(request.user, token.agent.team_id):
        raise PermissionDenied
    ended = actions.revoke_token(token, by=request.user)
    told = _("%(token)s is revoked.") if ended else _("%(token)s was revoked before.")
    messages.success(request, told % {"token": token})
    return redirect("connect_token", pk)


def _issue(
    request: HttpRequest, kind: str, form: TokenForm, verb: Callable[[User, TokenForm], tuple[Agent, str]]
) -> HttpResponse:
    if (kind == "new" and not request.user.is_superuser) or not operated_teams(request.user).exists():
        return _page(request, status=403)
    if form.is_valid():
        try:
            agent, token = verb(request.user, form)
        except InvalidArguments as refusal:
            form.add_error(None, str(refusal))
        else:
            return _issued(request, agent, token)
    return _page(request, status=422, **{kind: form})


def _create(user: User, form: TokenForm) -> tuple[Agent, str]:
    chosen = {name: form.cleaned_data[name] for name in ("name", "team", "owner")}
    return actions.create_agent(**chosen, by=user, **form.token_fields())


def _further(user: User, form: TokenForm) -> tuple[Agent, str]:
    agent = form.cleaned_data["agent"]
    return agent, actions.issue_agent_token(agent, by=user, **form.token_fields())


def _issued(request: HttpRequest, agent: Agent, token: str) -> HttpResponse:
    row = AgentToken.objects.select_related("agent__team").get(sha256=hash_token(token))
    context = {"agent": agent, "token": token, "clients": clients(token), "heard": heard_of(row), "section": "connect"}
    return render(request, "reviews/connect_issued.html", context)


def _existing(request: HttpRequest, data: Any = None, **options: Any) -> ExistingAgentForm:
    return ExistingAgentForm(data, user=request.user, prefix="existing", **options)


def _new(request: HttpRequest, data: Any = None) -> NewAgentForm:
    return NewAgentForm(data, user=request.user, prefix="new", initial={"owner": request.user.pk})


def _page(request: HttpRequest, *, status: int = 200, **forms: TokenForm) -> HttpResponse:
    may = operated_teams(request.user).exists()
    live = AgentToken.objects.filter(agent__team__in=operated_teams(request.user), revoked_at=None)
    context = {
        "may": may, "may_create": request.user.is_superuser, "operators": [] if may else operators(request.user),
        "existing": forms.get("existing") or _existing(request), "new": forms.get("new") or _new(request),
        "tokens": live.select_related("agent__team").order_by("-pk")[:TOKENS_SHOWN] if may else [],
        "section": "connect",
    }
    return render(request, "reviews/connect.html", context, status=status)


def _visible(user: User, pk: int) -> AgentToken:
    """Raises Http404 alike for hidden and for unknown."""
    token = AgentToken.objects.visible_to(user).select_related("agent__team").filter(pk=pk).first()
    if token is None:
        raise Http404(f"There is no token {pk} that you can see.")
    return token
