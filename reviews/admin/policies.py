"""The rule files of the teams."""

from django.contrib import admin

from governance.models import PolicyVersion
from reviews.admin.base import ReadOnlyAdmin
from reviews.admin.site import site


@admin.register(PolicyVersion, site=site)
class PolicyVersionAdmin(ReadOnlyAdmin):
    list_display = ("number", "team", "active", "note", "created_by", "created_at")
    list_select_related = ("team", "created_by")
