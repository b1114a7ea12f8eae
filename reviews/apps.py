from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class ReviewsConfig(AppConfig):
    name = "reviews"

    def ready(self) -> None:
        from governance.groups import create_groups  # models are loaded only now

        # Reviewers may look at the built-in tools' tables in the admin.
        post_migrate.connect(
            create_groups, sender=apps.get_app_config("mcp_bridge"), dispatch_uid="reviews-see-built-in-tools"
        )
