"""How every act on a request answers: the card again, whole or in its parts, with what came of it."""

import secrets
from collections.abc import Callable
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from governance.errors import GovernanceError, NotAllowed, WrongState
from governance.insight import is_told_at_once, preview_of
from governance.models import GovernanceRequest
from reviews.access import visible_request
from reviews.cards import Card, card_of
from reviews.context import recent_calls, similar_cases
from reviews.forms_card import PRESETS, AskForm, DecideForm

INVALID = 422
_SAID = "said"
_STATUSES = {NotAllowed: 403, WrongState: 409}


def is_in_place(request: HttpRequest) -> bool:
    """Sent by the card itself, which takes parts of the page as the answer."""
    return request.headers.get("HX-Request") == "true"


def act(
    request: HttpRequest, wanted: GovernanceRequest, form: Form | None, name: str, verb: Callable[[], str]
) -> HttpResponse:
    """Runs the verb, which returns what it did in words; its refusal is shown with what was typed."""
    if form is not None and not form.is_valid():
        return show(request, wanted, status=INVALID, **{name: form})
    try:
        done = verb()
    except GovernanceError as refusal:
        now = visible_request(request.user, wanted.reference)
        said = {"refusal": str(refusal), "unsent": typed_in(form), name: form}
        return show(request, now, status=status_of(refusal), **said)
    if is_in_place(request):
        return show(request, visible_request(request.user, wanted.reference), said=done)
    request.session[_SAID] = [wanted.reference, done]  # a toast would lie on the buttons
    return redirect(wanted)


def said_before(request: HttpRequest, wanted: GovernanceRequest) -> dict[str, str]:
    """What the act before this page did to this request, said once."""
    reference, words = request.session.pop(_SAID, None) or ("", "")
    return {"said": words} if reference == wanted.reference else {}


def status_of(refusal: GovernanceError) -> int:
    return next((status for kind, status in _STATUSES.items() if isinstance(refusal, kind)), INVALID)


def typed_in(form: Form | None) -> str:
    """What a person wrote in their own words, so that a refusal can give it back."""
    texts = [form.data.get(name, "") for name in ("reason", "text", "note")] if form is not None else []
    return " ".join(filter(None, texts))


def show(request: HttpRequest, wanted: GovernanceRequest, *, status: int = 200, **said: Any) -> HttpResponse:
    """The card as it stands now: the page, or its live parts for a card that asked in place."""
    card = card_of(wanted, request.user)
    if is_in_place(request):
        context = card_context(card, **said)
        return render(request, "reviews/_partials/request_live.html", context, status=status)
    context = {**full_context(card, **said), "section": "queue" if wanted.is_waiting else "history"}
    return render(request, "reviews/request.html", context, status=status)


def full_context(card: Card, **said: Any) -> dict[str, Any]:
    """With what stands around the case, which does not change while it is open.

    Without `preview` the page asks for it afterwards: it may take two seconds.
    """
    row = card.request
    at_once = row.is_waiting and is_told_at_once(row.tool)
    return {
        **card_context(card, **said), "recent": recent_calls(card.user, row.agent, before=row),
        "similar": similar_cases(card.user, row), "preview": preview_of(row, by=card.user) if at_once else None,
    }


def card_context(card: Card, **said: Any) -> dict[str, Any]:
    """`said` may hold refusal, unsent, said, and the bound form that was sent: decide or ask."""
    row = card.request
    return {
        "card": card, "row": row, "presets": PRESETS.items(),
        # Parts with a message differ from what is shown, even when the row does not.
        "nonce": secrets.token_hex(3) if said else "",
        **said, "decide": said.get("decide") or DecideForm(), "ask": said.get("ask") or AskForm(),
    }
