"""Who sees a row: members of the team that owns it. Every read starts at `visible_to(user)`."""

from typing import Self

from django.apps import apps
from django.db import models


class VisibleQuerySet(models.QuerySet):
    team_path = "team"  # the look-up from the row to its team

    def visible_to(self, user: models.Model) -> Self:
        """Rows owned by this person's teams; all of them for a superuser, none for somebody inactive or anonymous."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        teams = apps.get_model("governance", "Membership").objects.filter(user_id=user.pk).values("team_id")
        return self.filter(**{f"{self.team_path}__in": teams})


class RequestPartQuerySet(VisibleQuerySet):
    """For rows that hang on a request."""

    team_path = "request__team"
