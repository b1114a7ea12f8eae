"""Who reads a case: claim, release, hand over."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from governance import actions
from reviews.access import visible_request
from reviews.forms_card import HandOverForm
from reviews.views.requests.respond import act


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def claim(request: HttpRequest, reference: str) -> HttpResponse:
    """`take_over` in the form takes it from whoever has it."""
    wanted = visible_request(request.user, reference)
    if request.method != "POST":
        return redirect(wanted)

    def verb() -> str:
        actions.claim(wanted, reviewer=request.user, take_over=bool(request.POST.get("take_over")))
        return _("The case is yours for 15 minutes. Others see that you read it.")

    return act(request, wanted, None, "", verb)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def release(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = visible_request(request.user, reference)
    if request.method != "POST":
        return redirect(wanted)

    def verb() -> str:
        actions.release(wanted, reviewer=request.user)
        return _("Released. Anybody can take the case now.")

    return act(request, wanted, None, "", verb)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def hand_over(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = visible_request(request.user, reference)
    if request.method != "POST":
        return redirect(wanted)
    form = HandOverForm(request.POST, request=wanted, user=request.user)

    def verb() -> str:
        to, note = form.cleaned_data["to"], form.cleaned_data["note"]
        actions.hand_over(wanted, reviewer=request.user, to=to, note=note)
        return _("Handed over. {person} finds it among their cases.").format(person=to.display_name)

    return act(request, wanted, form, "hand_over", verb)
