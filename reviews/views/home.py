"""/: the gateway's sign of life for programs, its front page for people."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from governance import __version__


@never_cache
@vary_on_headers("Accept", "Cookie")
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    if request.get_preferred_type(["application/json", "text/html"]) != "text/html":
        return JsonResponse(sign_of_life())
    if request.user.is_authenticated:
        return redirect("overview")
    return render(request, "reviews/start.html", {"sign": sign_of_life(), "public_url": settings.PUBLIC_URL})


def sign_of_life() -> dict[str, object]:
    url = settings.PUBLIC_URL
    return {
        "status": "ATLAS Governance Gateway Running",
        "version": __version__,
        "links": {
            "console": url + reverse("queue"), "mcp": f"{url}/mcp", "mcp_sse": f"{url}/mcp/sse",
            "api": f"{url}/api/schema", "health": f"{url}/health/ready", "approval_webhook": f"{url}/webhook/approval",
        },
    }
