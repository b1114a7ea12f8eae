"""Tags and filters of the card."""

import json
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.changes import ABSENT, Changed
from governance.characters import visible
from governance.models import GovernanceRequest
from reviews import sentences
from reviews.undoing import undoable_of

register = template.Library()


@register.filter
def reject_consequence(row: GovernanceRequest) -> str:
    return sentences.reject_consequence(row)


@register.filter
def where(change: Changed) -> str:
    """`address.street`; the call itself when all of it differs."""
    return visible(change.name) or _("all arguments")


@register.filter
def has_before(change: Changed) -> bool:
    return change.before is not ABSENT


@register.filter
def has_after(change: Changed) -> bool:
    return change.after is not ABSENT


@register.filter
def as_value(value: Any) -> str:
    """As it reads: text as it is, anything else as JSON; an empty text in quotes."""
    if isinstance(value, str) and value.strip():
        return visible(value)
    return visible(json.dumps(value, ensure_ascii=False))


@register.inclusion_tag("reviews/_partials/undo_toast.html", takes_context=True)
def undo_toast(context: template.Context) -> dict[str, Any]:
    request = context["request"]
    row = undoable_of(request)
    left = (row.release_at - timezone.now()).total_seconds() if row else 0
    return {
        "row": row, "seconds": settings.UNDO_SECONDS, "left": max(0, round(left)),
        "csrf_token": context.get("csrf_token"),
    }
