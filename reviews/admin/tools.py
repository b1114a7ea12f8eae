"""Tools and their servers: superusers switch them on and off; how a tool looks comes from its server."""

from django.contrib import admin

from governance.models import Team, Tool, ToolServer
from reviews.admin.base import SuperusersEditMixin, VisibleAdmin
from reviews.admin.site import site


@admin.register(ToolServer, site=site)
class ToolServerAdmin(SuperusersEditMixin, VisibleAdmin):
    list_display = ("name", "slug", "kind", "team", "enabled")
    list_select_related = ("team",)


@admin.register(Tool, site=site)
class ToolAdmin(SuperusersEditMixin, VisibleAdmin):
    list_display = ("exposed_name", "server", "title", "enabled")
    list_select_related = ("server",)
    readonly_fields = ("server", "name", "exposed_name", "title", "description", "input_schema", "annotations")

    def team_of(self, obj: Tool) -> Team:
        return obj.server.team

    def has_add_permission(self, request: object, obj: object = None) -> bool:
        return False
