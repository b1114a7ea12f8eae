"""Teams and the people in them. A team owns agents and tool servers; a person sees what their teams own."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models.halts import Haltable
from governance.models.tokens import BearerToken
from governance.models.visibility import VisibleQuerySet


class User(AbstractUser):
    """A person. Agents are never users."""

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username


class Role(models.TextChoices):
    VIEWER = "viewer", _("Viewer")
    REVIEWER = "reviewer", _("Reviewer")
    OPERATOR = "operator", _("Operator")
    ADMIN = "admin", _("Admin")


class TeamQuerySet(VisibleQuerySet):
    team_path = "pk"

    def default(self) -> "Team":
        """The one team of a small installation."""
        team, _ = self.get_or_create(slug="default", defaults={"name": "Default team"})
        return team


class Team(Haltable):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    # Counts administrative acts: what a process remembers of a team (its tools, policy, halts) holds as long as this
    # number does. The row is also the lock between such an act and the calls that it must stop.
    generation = models.PositiveBigIntegerField(default=1, editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    objects = TeamQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_team_and_user"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_valid"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team} as {self.role}"


class ApiToken(BearerToken):
    """A person's token for REST and the approval webhook."""

    KIND = "atlas_rev"
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
