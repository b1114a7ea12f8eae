"""Where agents' platforms are told of outcomes, and every attempt."""

from django.contrib import admin

from governance.models import AgentWebhook, WebhookDelivery
from reviews.admin.base import ReadOnlyAdmin
from reviews.admin.site import site


@admin.register(AgentWebhook, site=site)
class AgentWebhookAdmin(ReadOnlyAdmin):
    list_display = ("agent", "url", "enabled", "created_at")
    list_select_related = ("agent",)
    exclude = ("sealed_secret",)


@admin.register(WebhookDelivery, site=site)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("event", "request", "webhook", "attempts", "last_status", "delivered_at", "failed_at")
    list_select_related = ("request", "webhook__agent")
