"""Rejects one waiting call; the agent is told the reason."""

from typing import Any

from django.core.management.base import CommandParser

from governance.management.base import PlainCommand
from governance.states import Verdict
from reviews.terminal import add_reviewer, decide_at_terminal


class Command(PlainCommand):
    help = "Rejects one waiting call; the agent is told the reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reference", metavar="evt_…")
        parser.add_argument("--reason", required=True, help="why; the agent reads it")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        add_reviewer(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        request = decide_at_terminal(
            options["reference"], Verdict.REJECTED, reason=options["reason"], username=options["reviewer"],
            sure=options["yes"],
        )
        self.stdout.write(f"Rejected. Nothing runs, and {request.agent.name} is told the reason.")
