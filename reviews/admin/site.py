"""The admin's site: the console's login in front of it, and its own Content-Security-Policy."""

from collections.abc import Callable
from typing import Any

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.sites import UnfoldAdminSite

from reviews.admin.navigation import sidebar
from reviews.admin.notices import notices

# Unfold is built on Alpine, whose expressions are compiled at run time ('unsafe-eval'), and sets colours and sizes in
# style elements and attributes ('unsafe-inline', of styles only). Inline scripts and foreign hosts stay refused.
LOOSENED = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}


class GatewayAdminSite(UnfoldAdminSite):
    settings_name = "UNFOLD"
    site_title = site_header = "ATLAS administration"
    enable_nav_sidebar = True

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        return csp_update(LOOSENED)(super().admin_view(view, cacheable))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**notices(request.user), **(extra_context or {})})

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return sidebar(request, self.get_app_list(request))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One login for everything, throttled in one place. Whoever is logged in and may not come here is told so."""
        if self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        if request.user.is_authenticated:
            raise PermissionDenied
        onward = request.GET.get(REDIRECT_FIELD_NAME, "")
        if not url_has_allowed_host_and_scheme(onward, {request.get_host()}, require_https=request.is_secure()):
            onward = reverse("admin:index")
        return redirect_to_login(onward, resolve_url(settings.LOGIN_URL))


site = GatewayAdminSite(name="admin")
