"""A further token of an agent, shown here and never again."""

import json
from typing import Any

from django.core.management.base import CommandParser

from governance import actions
from governance.management.base import Error, PlainCommand, find_team
from governance.models import Agent, Team


class Command(PlainCommand):
    help = "Issues a further token of an agent and prints it, once. The others stay valid."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--team", metavar="SLUG", help="the team that owns it (the default team)")
        parser.add_argument("--json", action="store_true", help='print {"id", "name", "token"} for scripts')

    def handle(self, *args: Any, **options: Any) -> None:
        team = find_team(options["team"]) or Team.objects.default()
        agent = Agent.objects.filter(team=team, name=options["name"]).first()
        if agent is None:
            raise Error(f"There is no agent named {options['name']} in {team}.")
        token = actions.issue_agent_token(agent)
        if options["json"]:
            self.stdout.write(json.dumps({"id": agent.pk, "name": agent.name, "token": token}))
        else:
            self.stdout.write(f"A new token of agent {agent.name}, shown only now:\n\n  {token}\n")
