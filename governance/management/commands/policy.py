"""A team's rule file: checked, activated, shown."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from governance import actions
from governance.management.base import Error, PlainCommand, find_team, find_user
from governance.models import Team
from governance.policy import describe, describe_default, parse

MAX_BYTES = 64 * 1024


class Command(PlainCommand):
    help = "Checks a rule file (docs/policy.md), activates it for a team, or shows the active one."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        check = verbs.add_parser("check", help="name every line that is wrong; change nothing")
        activate = verbs.add_parser("activate", help="keep the file as a version and let it decide from now on")
        show = verbs.add_parser("show", help="print the active file")
        for sub in (check, activate):
            sub.add_argument("file", help="a YAML file, or - for standard input")
        for sub in (activate, show):
            sub.add_argument("--team", metavar="SLUG", help="the team (the default team)")
        activate.add_argument("--note", default="", help="what changed and why")
        activate.add_argument("--by", metavar="USERNAME", help="on whose behalf (the gateway's own)")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['verb']}")(options)

    def _check(self, options: dict[str, Any]) -> None:
        policy = parse(_text(options["file"]))
        for number, rule in enumerate(policy.rules, start=1):
            self.stdout.write(f"{number:>3}. {describe(rule)}")
        self.stdout.write(f"     {describe_default(policy)}")

    def _activate(self, options: dict[str, Any]) -> None:
        team, by = find_team(options["team"]) or Team.objects.default(), find_user(options["by"])
        version = actions.save_policy(team, _text(options["file"]), note=options["note"], by=by)
        changed = actions.activate_policy(version, by=by)
        self.stdout.write(f"Policy {version.number} of {team} {'is active' if changed else 'was active before'}.")

    def _show(self, options: dict[str, Any]) -> None:
        team = find_team(options["team"]) or Team.objects.default()
        active = team.policies.filter(active=True).first()
        if active is None:
            raise Error(f"{team} has no active policy: every call is scored.")
        self.stdout.write(f"# policy {active.number} of {team}\n{active.text}")


def _text(name: str) -> str:
    try:
        data = sys.stdin.buffer.read(MAX_BYTES + 1) if name == "-" else Path(name).read_bytes()[: MAX_BYTES + 1]
        return data.decode("utf-8")
    except OSError as error:
        raise Error(f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Error(f"{name} is not UTF-8 text.") from error
