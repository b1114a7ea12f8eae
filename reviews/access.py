"""The only access gate of people: every view, API and consumer reads through here."""

from django.http import Http404
from django.utils import timezone

from governance.models import ApiToken, GovernanceRequest, User
from reviews.names import attach_names


def visible_request(user: User, reference: str) -> GovernanceRequest:
    """The request with its parts, when this person may see it. Raises Http404 alike for hidden and for unknown."""
    request = GovernanceRequest.objects.visible_to(user).with_parts().filter(reference=reference).first()
    if request is None:
        raise Http404(f"There is no request {reference[:40]} that you can see.")
    attach_names([request])
    return request


def user_of_token(token: str) -> User | None:
    """The active person of a live API token; notes its use at most once a minute. An agent's token is nobody here."""
    row = ApiToken.objects.usable(token).select_related("user").first()
    if row is None or not row.user.is_active:
        return None
    now = timezone.now()
    if row.last_used_at is None or (now - row.last_used_at).total_seconds() > 60:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row.user
