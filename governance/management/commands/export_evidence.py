"""The evidence as JSON lines on stdout."""

import os
import sys
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from governance.evidence.export import evidence_lines, select_evidence
from governance.management.base import Error, PlainCommand, find_team, find_user
from governance.models import GovernanceRequest


class Command(PlainCommand):
    help = "Streams the evidence as JSON lines, oldest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-user", metavar="NAME", help="only what this person may see")
        parser.add_argument("--team", metavar="SLUG")
        parser.add_argument("--request", metavar="evt_…", help="only the entries about one request")
        parser.add_argument("--since", metavar="ISO", help="from this date or time on, e.g. 2026-11-01T08:00Z")
        parser.add_argument("--until", metavar="ISO", help="before this date or time")

    def handle(self, *args: Any, **options: Any) -> None:
        user, reference = find_user(options["as_user"]), options["request"]
        if reference is not None:
            requests = GovernanceRequest.objects.all() if user is None else GovernanceRequest.objects.visible_to(user)
            if not requests.filter(reference=reference).exists():
                raise Error(f"There is no request {reference}" + (f" that {user.username} may see." if user else "."))
        entries = select_evidence(
            user=user, team=find_team(options["team"]), reference=reference,
            since=_moment("--since", options["since"]), until=_moment("--until", options["until"]),
        )
        try:
            for line in evidence_lines(entries):
                self.stdout.write(line)
            self.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough (| head); nothing is left to flush at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _moment(option: str, text: str | None) -> datetime | None:
    """A date is its first moment; without an offset the gateway's own time zone (TZ) counts."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Error(f"{option} {text} is not an ISO 8601 date or time like 2026-11-01T08:00Z.") from None
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
