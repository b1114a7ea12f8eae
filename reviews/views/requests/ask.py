"""Ask the agent something before deciding."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from governance import actions
from reviews.access import visible_request
from reviews.forms_card import AskForm
from reviews.views.requests.respond import act


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def ask(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = visible_request(request.user, reference)
    if request.method != "POST":
        return redirect(wanted)
    form = AskForm(request.POST)

    def verb() -> str:
        actions.ask(wanted, reviewer=request.user, text=form.cleaned_data["text"])
        words = _("Asked. {agent} reads your question as soon as it looks after its call.")
        return words.format(agent=wanted.agent.name)

    return act(request, wanted, form, "ask", verb)
