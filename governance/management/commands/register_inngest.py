"""Registers the workflow function with the Inngest server, through the running gateway."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.workflow.client import is_embedded
from governance.workflow.registration import PATIENCE_SECONDS, NotRegistered, default_url, register


class Command(BaseCommand):
    help = "Registers the workflow function with the Inngest server. Run it after every start of the gateway."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url", default=default_url(),
            help="the gateway's /api/inngest, as the Inngest server reaches it (default: %(default)s)",
        )
        parser.add_argument(
            "--wait", type=float, default=PATIENCE_SECONDS, metavar="SECONDS",
            help="how long to try while the gateway and the server start (default: %(default)s)",
        )

    def handle(self, *args: Any, url: str, wait: float, **options: Any) -> None:
        if is_embedded():
            self.stdout.write("The embedded executor drives the workflow; there is nothing to register.")
            return
        try:
            register(url, patience=wait)
        except NotRegistered as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Registered {url} with the Inngest server.")
