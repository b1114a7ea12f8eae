"""Who equips a team's agents: its operators and admins, and superusers. The rule itself is the admin's."""

from django.db.models import QuerySet

from governance.models import Membership, Team, User
from reviews.admin.base import OPERATING_ROLES, may_operate

SHOWN = 10

__all__ = ["may_operate", "operated_teams", "operators"]


def operated_teams(user: User) -> QuerySet[Team]:
    """The teams whose agents this person gives tokens."""
    teams = Team.objects.visible_to(user).order_by("name")
    if user.is_superuser:
        return teams
    own = Membership.objects.filter(user=user, role__in=OPERATING_ROLES)
    return teams.filter(pk__in=own.values("team"))


def operators(user: User) -> list[User]:
    """At most ten people who may do it in the teams that this person sees: its answer to "who can?"."""
    roles = Membership.objects.filter(team__in=Team.objects.visible_to(user), role__in=OPERATING_ROLES)
    return list(User.objects.filter(is_active=True, pk__in=roles.values("user")).order_by("username")[:SHOWN])
