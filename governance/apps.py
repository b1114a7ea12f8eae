from django.apps import AppConfig
from django.db.models.signals import post_migrate


class GovernanceConfig(AppConfig):
    name = "governance"

    def ready(self) -> None:
        from governance.groups import create_groups  # models are loaded only now

        post_migrate.connect(create_groups, sender=self, dispatch_uid="governance-groups")
