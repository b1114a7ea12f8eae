"""Tools, their servers and definitions: superusers switch them on and off; how a tool looks comes from its server."""

from django.contrib import admin

from governance.models import Team, Tool, ToolServer, ToolVersion
from reviews.admin.base import ReadOnlyAdmin, SuperusersEditMixin, VisibleAdmin
from reviews.admin.site import site


@admin.register(ToolServer, site=site)
class ToolServerAdmin(SuperusersEditMixin, VisibleAdmin):
    list_display = ("name", "slug", "kind", "team", "enabled")
    list_select_related = ("team",)


@admin.register(Tool, site=site)
class ToolAdmin(SuperusersEditMixin, VisibleAdmin):
    list_display = ("exposed_name", "server", "title", "enabled")
    list_select_related = ("server",)
    readonly_fields = (
        "server", "name", "exposed_name", "title", "description", "input_schema", "output_schema", "annotations",
        "meta",
    )

    def team_of(self, obj: Tool) -> Team:
        return obj.server.team

    def has_add_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(ToolVersion, site=site)
class ToolVersionAdmin(ReadOnlyAdmin):
    list_display = ("tool", "digest", "verdict", "seen_at", "decided_by", "decided_at")
    list_select_related = ("tool", "decided_by")
