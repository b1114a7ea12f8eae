"""The group Reviewers and its permissions, kept right after every migrate."""

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

REVIEWERS = "Reviewers"

# What a reviewer may look at in the admin, there narrowed to their own teams by visible_to.
VIEWED = (
    "agent", "agenttoken", "agentwebhook", "assessment", "decision", "evidenceentry", "execution", "governancerequest",
    "membership", "outboxevent", "question", "team", "tool", "toolserver", "transition", "user", "webhookdelivery",
)


def create_groups(sender: AppConfig, using: str, **kwargs: object) -> None:
    """Runs after Django's own post_migrate handler has made the permissions of the app that sends it."""
    wanted = Q(codename__in=["decide_request", *(f"view_{model}" for model in VIEWED)])
    if sender.name != "governance":  # tables of the built-in tools
        wanted = Q(codename__startswith="view_")
    permissions = Permission.objects.using(using).filter(wanted, content_type__app_label=sender.label)
    group, _ = Group.objects.using(using).get_or_create(name=REVIEWERS)
    group.permissions.add(*permissions)
