"""A new agent and its token, which is shown here and never again."""

import json
from typing import Any

from django.core.management.base import CommandParser

from governance import actions
from governance.management.base import PlainCommand, find_team, find_user


class Command(PlainCommand):
    help = "Creates an agent and prints its token, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--team", metavar="SLUG", help="the team that owns it (the default team)")
        parser.add_argument("--owner", metavar="USERNAME", help="who answers for it; can never decide its requests")
        parser.add_argument("--json", action="store_true", help='print {"id", "name", "token"} for scripts')

    def handle(self, *args: Any, **options: Any) -> None:
        agent, token = actions.create_agent(
            options["name"], team=find_team(options["team"]), owner=find_user(options["owner"])
        )
        if options["json"]:
            self.stdout.write(json.dumps({"id": agent.pk, "name": agent.name, "token": token}))
            return
        self.stdout.write(f"Agent {agent.name} of {agent.team}. Its token is shown only now:\n\n  {token}\n")
        self.stdout.write("It is sent as  Authorization: Bearer <token>")
