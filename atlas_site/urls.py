"""Every address of the gateway outside /mcp (see asgi.py)."""

from django.contrib import admin
from django.urls import path, re_path

from reviews.webhook import approval

urlpatterns = [
    path("admin/", admin.site.urls),
    re_path(r"^webhook/approval/?$", approval, name="webhook-approval"),
]

handler400 = "reviews.problems.bad_request"
handler403 = "reviews.problems.permission_denied"
handler404 = "reviews.problems.not_found"
handler500 = "reviews.problems.server_error"
