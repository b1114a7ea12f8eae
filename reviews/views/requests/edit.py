"""Edit the arguments: a form, then what differs, then the decision (decide.py) with what was shown."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from governance.actions.binding import why_not_runnable
from governance.canonical import canonical
from governance.errors import NotAllowed, WrongState
from governance.models import GovernanceRequest
from reviews.access import visible_request
from reviews.edits import Edit, form_of, read_edit, signed, unsigned
from reviews.sentences import call_of, tell
from reviews.views.requests.respond import INVALID, is_in_place, show

WHOLE, PART = "reviews/request_edit.html", "reviews/_partials/edit.html"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: HttpRequest, reference: str) -> HttpResponse:
    wanted = visible_request(request.user, reference)
    if refusal := _why_not(request, wanted):
        return show(request, wanted, status=403 if isinstance(refusal, NotAllowed) else 409, refusal=str(refusal))
    if request.method != "POST":
        return _respond(request, wanted, edit_form=form_of(wanted))
    if "edited" in request.POST:  # back from the difference
        shown = unsigned(wanted, request.user, request.POST["edited"], however_old=True)
        return _respond(request, wanted, edit_form=form_of(wanted, shown))
    form = form_of(wanted)
    found = read_edit(wanted, form, request.POST)
    if found is None:
        return _respond(request, wanted, status=INVALID, edit_form=form)
    return _respond(request, wanted, **_difference(request, wanted, found))


def _why_not(request: HttpRequest, wanted: GovernanceRequest) -> NotAllowed | WrongState | None:
    if why := wanted.why_not_decided_by(request.user):
        return NotAllowed(why)
    if not wanted.is_waiting:
        return WrongState(_("This request does not wait for a decision any more."))
    if wanted.claimant not in (None, request.user):
        return WrongState(_("{person} reads this case. Take it over to edit the call.").format(
            person=wanted.claimant.display_name
        ))  # fmt: skip
    return None


def _difference(request: HttpRequest, wanted: GovernanceRequest, found: Edit) -> dict[str, Any]:
    text = canonical(found.arguments)
    return {
        "changed": found.changed, "edited_json": text, "told": tell(call_of(wanted, found.arguments)),
        "edited": signed(wanted, request.user, found.arguments), "why_not": why_not_runnable(wanted, text),
    }


def _respond(request: HttpRequest, wanted: GovernanceRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    template = PART if is_in_place(request) else WHOLE
    return render(request, template, {"row": wanted, "section": "queue", **context}, status=status)
