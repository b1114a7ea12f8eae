from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


def open_the_office(sender: AppConfig, apps: Any = apps, **kwargs: object) -> None:
    """After every migrate that leaves the register standing, and after a flush of a test database."""
    from mcp_bridge.downstream.welfare.seed import seed_beneficiaries  # models are loaded only now

    try:
        apps.get_model("mcp_bridge", "Beneficiary")
    except LookupError:
        return
    seed_beneficiaries()


class McpBridgeConfig(AppConfig):
    name = "mcp_bridge"
    verbose_name = "MCP bridge"

    def ready(self) -> None:
        post_migrate.connect(open_the_office, sender=self, dispatch_uid="mcp-bridge-office")
