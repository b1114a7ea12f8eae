"""How a person wants the console: read once per request, for the frame and for the language."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from reviews.models import Preferences


def preferences_of(request: HttpRequest) -> Preferences:
    """The person's own, or the defaults, unsaved, of somebody who never chose or is not logged in."""
    if not hasattr(request, "preferences"):
        user = getattr(request, "user", None)
        known = user is not None and user.is_authenticated
        request.preferences = (Preferences.objects.filter(pk=user.pk).first() if known else None) or Preferences()
    return request.preferences


def frame(request: HttpRequest) -> dict[str, object]:
    """Context processor: `preferences`, read only by pages that use it."""
    return {"preferences": SimpleLazyObject(lambda: preferences_of(request))}
