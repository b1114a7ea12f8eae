"""Give a case more time."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from governance import actions
from reviews.access import visible_request
from reviews.forms_card import ExtendForm
from reviews.views.requests.respond import act


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def extend(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = visible_request(request.user, reference)
    if request.method != "POST":
        return redirect(wanted)
    form = ExtendForm(request.POST)

    def verb() -> str:
        now = actions.extend(wanted, reviewer=request.user, **form.cleaned_data)
        return _("Extended. It now waits until {time}.").format(time=f"{localtime(now.deadline):%Y-%m-%d %H:%M %Z}")

    return act(request, wanted, form, "extend", verb)
