"""What waits for a decision, at a terminal."""

import time
from typing import Any

from django.core.management.base import CommandParser

from governance.management.base import PlainCommand
from governance.models import GovernanceRequest, User
from reviews.terminal import add_reviewer, reviewer_of, written_out

SHOWN = 50
LOOK_EVERY_SECONDS = 1.0


class Command(PlainCommand):
    help = "Lists what waits for a decision, with the exact arguments; --watch goes on until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        add_reviewer(parser)
        parser.add_argument("--watch", action="store_true", help="show every further one as it comes in")

    def handle(self, *args: Any, **options: Any) -> None:
        user = reviewer_of(options["reviewer"])
        shown = self._show_new(user, set())
        if not shown:
            self.stdout.write("Nothing waits for a decision.")
        try:
            while options["watch"]:
                self.stdout.flush()
                time.sleep(LOOK_EVERY_SECONDS)
                shown = self._show_new(user, shown)
        except KeyboardInterrupt:
            self.stdout.write("")

    def _show_new(self, user: User, shown: set[tuple[str, int]]) -> set[tuple[str, int]]:
        """Writes what is new (a request that was sent back counts as new) and says what is gone."""
        waiting = GovernanceRequest.objects.visible_to(user).waiting().with_parts().order_by("deadline", "id")[:SHOWN]
        now = {(request.reference, request.round): request for request in waiting}
        for key, request in now.items():
            if key not in shown:
                self.stdout.write(written_out(request))
        for reference, _ in sorted(shown - set(now)):
            request = GovernanceRequest.objects.get(reference=reference)
            self.stdout.write(f"{reference}  {request.get_status_display()}")
        return set(now)
