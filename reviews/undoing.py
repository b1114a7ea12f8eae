"""The approval that a person can still take back, remembered in their session so that the next page offers it too."""

from django.http import HttpRequest

from governance.models import Decision, GovernanceRequest
from governance.states import Verdict

_KEY = "undo"


def remember(request: HttpRequest, decision: Decision) -> None:
    if decision.verdict == Verdict.APPROVED and decision.request.is_undoable:
        request.session[_KEY] = decision.request.reference


def undoable_of(request: HttpRequest) -> GovernanceRequest | None:
    """What this person approved a moment ago, as long as it can be undone."""
    reference = request.session.get(_KEY)
    if reference is None:
        return None
    row = GovernanceRequest.objects.visible_to(request.user).select_related("tool", "agent").filter(
        reference=reference
    ).first()
    if row is None or not row.is_undoable:
        del request.session[_KEY]
        return None
    return row
