"""Every address of the gateway outside /mcp (see asgi.py)."""

from django.conf import settings
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from governance.workflow.serve import inngest_view
from reviews import health
from reviews.admin.site import site as admin_site
from reviews.metrics import metrics
from reviews.webhook import approval

urlpatterns = [
    path("", include("reviews.urls")),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}favicon.svg")),  # asked for unbidden
    path("admin/", admin_site.urls),
    path("api/inngest", inngest_view, name="inngest"),
    path("api/", include("reviews.api_urls")),
    re_path(r"^webhook/approval/?$", approval, name="webhook-approval"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics, name="metrics"),
]

handler400 = "reviews.problems.bad_request"
handler403 = "reviews.problems.permission_denied"
handler404 = "reviews.problems.not_found"
handler500 = "reviews.problems.server_error"
