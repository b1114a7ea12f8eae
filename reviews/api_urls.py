"""Addresses under /api/."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from reviews import api

REFERENCE = r"(?P<reference>evt_[0-9a-f]{16})"
ID = r"(?P<id>[0-9]{1,18})"

urlpatterns = [
    path("requests/", api.Requests.as_view(), name="api-requests"),
    re_path(rf"^requests/{REFERENCE}/$", api.RequestDetail.as_view(), name="api-request"),
    re_path(rf"^requests/{REFERENCE}/decide/$", api.Decide.as_view(), name="api-decide"),
    path("agents/", api.Agents.as_view(), name="api-agents"),
    re_path(rf"^agents/{ID}/$", api.AgentDetail.as_view(), name="api-agent"),
    path("health/", api.Health.as_view(), name="api-health"),
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="api-schema"),
    re_path(r"^docs/?$", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
]
