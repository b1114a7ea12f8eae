"""Approves one waiting call; it runs once, with exactly the arguments shown."""

from typing import Any

from django.core.management.base import CommandParser

from governance.management.base import PlainCommand
from governance.states import Verdict
from reviews.terminal import add_reviewer, decide_at_terminal


class Command(PlainCommand):
    help = "Approves one waiting call; it runs once, with exactly the arguments shown."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reference", metavar="evt_…")
        parser.add_argument("--reason", default="", help="why; kept with the decision")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        add_reviewer(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        request = decide_at_terminal(
            options["reference"], Verdict.APPROVED, reason=options["reason"], username=options["reviewer"],
            sure=options["yes"],
        )
        self.stdout.write(f"Approved. {request.tool.exposed_name} runs once with exactly these arguments.")
