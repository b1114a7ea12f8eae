"""Commands for scripts and people: what goes wrong is one plain line on stderr, and exit code 1."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import IntegrityError

from governance.errors import GovernanceError
from governance.models import Team, User


class Error(CommandError):
    """Its name is what stands in front of the line."""


class PlainCommand(BaseCommand):
    requires_system_checks: list[str] = []  # they load the whole site; `make lint` and the server run them

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except GovernanceError as error:
            raise Error(str(error)) from error
        except ValidationError as error:
            raise Error(" ".join(error.messages)) from error
        except IntegrityError as error:
            raise Error(f"Somebody else did the same just now: {_first_line(error)}. Look, then try again.") from error
        except DatabaseError as error:
            raise Error(
                f"The database cannot be used: {_first_line(error)}. Is it reachable (DATABASE_URL) and set up "
                "(make run, or manage.py migrate)?"
            ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def find_team(slug: str | None) -> Team | None:
    """The team of that slug; None without one. Raises Error when there is none."""
    if slug is None:
        return None
    try:
        return Team.objects.get(slug=slug)
    except Team.DoesNotExist:
        known = ", ".join(Team.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "none yet"
        raise Error(f"There is no team with the slug {slug}. Teams: {known}.") from None


def find_user(username: str | None) -> User | None:
    """The user of that name; None without one. Raises Error when there is none."""
    if username is None:
        return None
    try:
        return User.objects.get(username=username)
    except User.DoesNotExist:
        raise Error(f"There is no user named {username}.") from None
