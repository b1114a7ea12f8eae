"""What an installed web app needs: its manifest, its service worker, the page it shows without network; the badge."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from reviews import queries
from reviews.templatetags.console import bounded

GROUND = "#f6f5f1"  # --n1 of static/css/console.css
ICONS = [
    ("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any"), ("icon-mask.png", "512x512", "maskable"),
]


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    body = {
        "id": "/", "name": _("ATLAS governance gateway"), "short_name": "ATLAS",
        "description": _("Decide what AI agents may do."),
        "start_url": reverse("queue"), "scope": "/", "display": "standalone",
        "background_color": GROUND, "theme_color": GROUND, "lang": request.LANGUAGE_CODE, "dir": "auto",
        "icons": [
            {"src": static(f"icons/{name}"), "sizes": size, "type": "image/png", "purpose": purpose}
            for name, size, purpose in ICONS
        ],
        "shortcuts": [{"name": _("Queue"), "url": reverse("queue")}, {"name": _("History"), "url": reverse("history")}],
    }
    return JsonResponse(body, content_type="application/manifest+json")


@never_cache
@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """At the root, as a worker rules only what lies below its own address."""
    return render(request, "reviews/sw.js", content_type="text/javascript")


@never_cache
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """Kept by the service worker, so it says nothing about anybody."""
    return render(request, "reviews/offline.html")


@never_cache
@require_safe
@login_required
def waiting(request: HttpRequest) -> HttpResponse:
    """How many wait for this person, as the navigation and the tab's title show it."""
    return JsonResponse({"waiting": bounded(queries.count_waiting(request.user))})
