"""halt and resume at a terminal."""

from typing import Any

from django.core.management.base import CommandParser

from governance.actions.halt import Subject
from governance.management.base import Error, PlainCommand, find_team, find_user
from governance.models import Agent, Team, Tool, ToolServer

KINDS = ("agent", "tool", "server", "team")


class HaltCommand(PlainCommand):
    """`verb` is the action, `done` and `before` what is said of its subject."""

    verb: Any
    done = before = ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=KINDS)
        parser.add_argument("name", help="an agent's name, a tool's name towards agents, a server's or team's slug")
        parser.add_argument("--reason", required=True, help="kept with the act; agents read it")
        parser.add_argument("--team", metavar="SLUG", help="the team that owns it (the default team)")
        parser.add_argument("--by", metavar="USERNAME", help="on whose behalf (the gateway's own)")

    def handle(self, *args: Any, **options: Any) -> None:
        subject = find_subject(options["kind"], options["name"], options["team"])
        changed = type(self).verb(subject, reason=options["reason"], by=find_user(options["by"]))
        self.stdout.write(f"{options['kind'].capitalize()} {subject} {self.done if changed else self.before}.")


def find_subject(kind: str, name: str, team_slug: str | None) -> Subject:
    """Raises Error when there is none."""
    if kind == "team":
        return find_team(name)
    team = find_team(team_slug) or Team.objects.default()
    rows = {
        "agent": Agent.objects.filter(team=team, name=name),
        "server": ToolServer.objects.filter(team=team, slug=name),
        "tool": Tool.objects.filter(server__team=team, exposed_name=name),
    }[kind]
    subject = rows.order_by("pk").first()
    if subject is None:
        raise Error(f"There is no {kind} {name} in {team}.")
    return subject
