"""Addresses under /api/."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from reviews import api, api_catalog, api_definitions, api_halts, api_review

REFERENCE = r"(?P<reference>evt_[0-9a-f]{16})"
ID = r"(?P<id>[0-9]{1,18})"
KIND = rf"(?P<kind>{'|'.join(api_halts.KINDS)})"

urlpatterns = [
    path("requests/", api.Requests.as_view(), name="api-requests"),
    re_path(rf"^requests/{REFERENCE}/$", api.RequestDetail.as_view(), name="api-request"),
    re_path(rf"^requests/{REFERENCE}/decide/$", api.Decide.as_view(), name="api-decide"),
    re_path(rf"^requests/{REFERENCE}/claim/$", api_review.Claim.as_view(), name="api-claim"),
    re_path(rf"^requests/{REFERENCE}/release/$", api_review.Release.as_view(), name="api-release"),
    re_path(rf"^requests/{REFERENCE}/hand-over/$", api_review.HandOver.as_view(), name="api-hand-over"),
    re_path(rf"^requests/{REFERENCE}/questions/$", api_review.Ask.as_view(), name="api-ask"),
    re_path(rf"^requests/{REFERENCE}/extend/$", api_review.Extend.as_view(), name="api-extend"),
    re_path(rf"^requests/{REFERENCE}/undo/$", api_review.Undo.as_view(), name="api-undo"),
    path("agents/", api.Agents.as_view(), name="api-agents"),
    re_path(rf"^agents/{ID}/$", api.AgentDetail.as_view(), name="api-agent"),
    path("tools/", api_catalog.Tools.as_view(), name="api-tools"),
    re_path(rf"^tools/{ID}/$", api_catalog.ToolDetail.as_view(), name="api-tool"),
    path("tool-servers/", api_catalog.ToolServers.as_view(), name="api-tool-servers"),
    re_path(rf"^tool-servers/{ID}/$", api_catalog.ToolServerDetail.as_view(), name="api-tool-server"),
    path("teams/", api_catalog.Teams.as_view(), name="api-teams"),
    re_path(rf"^teams/{ID}/$", api_catalog.TeamDetail.as_view(), name="api-team"),
    path("policies/", api_catalog.Policies.as_view(), name="api-policies"),
    re_path(rf"^policies/{ID}/$", api_catalog.PolicyDetail.as_view(), name="api-policy"),
    path("definitions/", api_definitions.Definitions.as_view(), name="api-definitions"),
    re_path(rf"^definitions/{ID}/$", api_definitions.DefinitionDetail.as_view(), name="api-definition"),
    re_path(rf"^definitions/{ID}/accept/$", api_definitions.AcceptDefinition.as_view(), name="api-accept-definition"),
    re_path(rf"^definitions/{ID}/reject/$", api_definitions.RejectDefinition.as_view(), name="api-reject-definition"),
    re_path(rf"^{KIND}/{ID}/halt/$", api_halts.Halt.as_view(), name="api-halt"),
    re_path(rf"^{KIND}/{ID}/resume/$", api_halts.Resume.as_view(), name="api-resume"),
    path("health/", api.Health.as_view(), name="api-health"),
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="api-schema"),
    re_path(r"^docs/?$", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
]
