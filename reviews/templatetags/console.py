"""Tags and filters of the console's templates. Words and figures only; the HTML stands in the templates."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils import timezone

from governance import characters
from governance.models import Decision, GovernanceRequest
from governance.states import Status
from governance.wording import in_sentence
from reviews import durations, queries, sentences
from reviews.bands import Band, band_of
from reviews.cards import status_of

register = template.Library()


@register.filter
def sentence(request: GovernanceRequest) -> sentences.Sentence:
    return sentences.sentence_of(request)


@register.filter
def deed(request: GovernanceRequest) -> sentences.Sentence:
    """The sentence without the agent, for lists that name it in a column of its own."""
    return sentences.deed_of(request)


@register.filter
def approve_label(request: GovernanceRequest) -> str:
    return sentences.approve_label(request)


@register.filter
def consequence(request: GovernanceRequest) -> str:
    return sentences.consequence(request)


@register.filter
def reject_consequence(request: GovernanceRequest) -> str:
    return sentences.reject_consequence(request)


@register.filter
def band(request: GovernanceRequest) -> Band:
    return band_of(request)


@register.filter
def status(request: GovernanceRequest) -> Status:
    return status_of(request)


@register.filter
def last_decision(request: GovernanceRequest) -> Decision | None:
    """Of a list row, whose decisions were read with it, or of a single request; an undone one is none."""
    stands = (decision for decision in request.decisions.all() if decision.round == request.round)
    return max(stands, key=lambda decision: decision.pk, default=None)


@register.filter
def visible(text: object) -> str:
    return characters.visible(str(text))


register.filter(in_sentence)


@register.filter
def actor(name: str) -> str:
    """`agent:NAME` and `reviewer:NAME` without the kind."""
    return characters.visible(name.partition(":")[2] or name)


@register.simple_tag
def icon(name: str, extra: str = "") -> str:
    return _icon(name, extra)


@lru_cache(maxsize=500)  # a list draws hundreds of them
def _icon(name: str, extra: str) -> str:
    return render_to_string("reviews/_partials/icon.html", {"name": name, "extra": extra})


@register.inclusion_tag("reviews/_partials/time.html")
def age(at: datetime) -> dict[str, Any]:
    return {"at": at, "kind": "age", "text": durations.age(timezone.now() - at)}


@register.inclusion_tag("reviews/_partials/time.html")
def left(at: datetime) -> dict[str, Any]:
    return {"at": at, "kind": "left", "text": durations.left(at - timezone.now())}


@register.inclusion_tag("reviews/_partials/time.html")
def moment(at: datetime) -> dict[str, Any]:
    return {"at": at, "kind": "moment"}


@register.inclusion_tag("reviews/_partials/time.html")
def minute(at: datetime) -> dict[str, Any]:
    return {"at": at, "kind": "minute"}


@register.inclusion_tag("reviews/_partials/tool_name.html")
def tool_name(name: str) -> dict[str, Any]:
    """The name as code that may break after its underscores."""
    *starts, end = name.split("_")
    return {"parts": [*(f"{start}_" for start in starts), end]}


@register.simple_tag(takes_context=True)
def waiting_count(context: template.Context) -> str:
    """How many wait, as the navigation shows it: empty for none, "99+" for many."""
    request = context.get("request")
    if request is None or not request.user.is_authenticated:
        return ""
    if not hasattr(request, "waiting_count"):  # the title, the navigation and the list show the same figure
        request.waiting_count = bounded(queries.count_waiting(request.user))
    return request.waiting_count


def bounded(count: int) -> str:
    return "99+" if count >= queries.MANY else str(count or "")
