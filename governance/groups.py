"""The group Reviewers and its permission, kept right after every migrate."""

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission

REVIEWERS = "Reviewers"


def create_groups(sender: AppConfig, using: str, **kwargs: object) -> None:
    """Runs after Django's own post_migrate handler has made the permissions."""
    permission = Permission.objects.using(using).filter(
        codename="decide_request", content_type__app_label="governance"
    )
    group, _ = Group.objects.using(using).get_or_create(name=REVIEWERS)
    group.permissions.add(*permission)
