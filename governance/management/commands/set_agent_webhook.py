"""Where an agent's outcomes are announced; the signing secret is shown here and never again."""

import json
from typing import Any

from django.core.management.base import CommandParser

from governance import actions
from governance.management.base import Error, PlainCommand, find_team
from governance.models import Agent, AgentWebhook, Team


class Command(PlainCommand):
    help = "Announces an agent's outcomes to an address and prints the signing secret, once; or stops that."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("agent")
        parser.add_argument("url", nargs="?", help="https://…; replaces the address there was, and its secret")
        parser.add_argument("--team", metavar="SLUG", help="the team that owns it (the default team)")
        parser.add_argument("--remove", action="store_true", help="remove the webhook and its delivery log")
        parser.add_argument("--json", action="store_true", help='print {"agent", "url", "secret"} for scripts')

    def handle(self, *args: Any, **options: Any) -> None:
        team = find_team(options["team"]) or Team.objects.default()
        agent = Agent.objects.filter(team=team, name=options["agent"]).select_related("team").first()
        if agent is None:
            raise Error(f"There is no agent named {options['agent']} in {team}.")
        if options["remove"] == bool(options["url"]):
            raise Error("Give the address, or --remove.")
        if options["remove"]:
            self._remove(agent)
            return
        secret = actions.set_agent_webhook(agent, options["url"])
        if options["json"]:
            self.stdout.write(json.dumps({"agent": agent.name, "url": options["url"], "secret": secret}))
            return
        self.stdout.write(f"Outcomes of agent {agent.name} are announced there. The secret is shown only now:\n")
        self.stdout.write(f"  {secret}\n")
        self.stdout.write("It signs every delivery (docs/outcome-webhooks.md says how a receiver checks it).")

    def _remove(self, agent: Agent) -> None:
        webhook = AgentWebhook.objects.filter(agent=agent).select_related("agent__team").first()
        if webhook is None or not actions.remove_webhook(webhook):
            raise Error(f"Agent {agent.name} has no webhook.")
        self.stdout.write(f"The webhook of agent {agent.name} is removed, with its delivery log.")
