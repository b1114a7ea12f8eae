"""A new person who may decide, with a password and an API token that are shown here and never again."""

import json
from typing import Any

from django.core.management.base import CommandParser

from governance import actions
from governance.management.base import PlainCommand, find_team
from governance.models import Role


class Command(PlainCommand):
    help = "Creates a reviewer and prints the password and the API token, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--team", metavar="SLUG", help="whose requests to decide (the default team)")
        parser.add_argument("--role", choices=Role.values, default=Role.REVIEWER.value)
        parser.add_argument(
            "--json", action="store_true", help='print {"id", "username", "password", "api_token"} for scripts'
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user, password, token = actions.create_reviewer(
            options["name"], team=find_team(options["team"]), role=Role(options["role"])
        )
        if options["json"]:
            self.stdout.write(
                json.dumps({"id": user.pk, "username": user.username, "password": password, "api_token": token})
            )
            return
        self.stdout.write(
            f"Reviewer {user.username}. Password and API token are shown only now:\n\n"
            f"  password   {password}\n  API token  {token}\n"
        )
        self.stdout.write("The token is sent as  Authorization: Bearer <token>")
