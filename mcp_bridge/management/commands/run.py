"""`make run`: everything a fresh clone needs to serve, in one process."""

import gc
import sys
from functools import partial
from typing import Any

from mcp_bridge.running.serve import AddressNotFree, listen, serve  # first: it installs the reactor  # isort: skip
from django.conf import settings
from django.core.management.base import CommandParser
from django.urls import get_resolver

from governance.errors import GovernanceError
from governance.management.base import Error, PlainCommand
from governance.models import GovernanceRequest
from mcp_bridge import database
from mcp_bridge.running.banner import first_banner, later_banner
from mcp_bridge.running.first_run import Credentials, mark_shown, prepare_credentials
from mcp_bridge.running.prepare import collect_when_needed, migrate_when_needed
from mcp_bridge.running.sandbox import open_sandbox

COUNTED = 1000


class Command(PlainCommand):
    help = "Sets up what is missing and serves the gateway on ATLAS_HOST:ATLAS_PORT (127.0.0.1:8000)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="no example calls on the first run")

    def handle(self, *args: Any, **options: Any) -> None:
        gc.disable()  # what is imported and built now stays; looking through it for garbage only delays the start
        try:
            listener = listen(settings.HOST, settings.PORT)
            migrate_when_needed(self._say)
            collect_when_needed(self._say)
            credentials = prepare_credentials()
            serve(listener, partial(self._ready, credentials, with_demo=not options["no_demo"]))
        except AddressNotFree as error:
            raise Error(str(error)) from error
        except OSError as error:
            raise Error(f"The set-up stopped: {error}.") from error
        except KeyboardInterrupt:
            self.stderr.write("Stopped during the set-up. make run goes on from here.")
            sys.exit(130)

    async def _ready(self, credentials: Credentials | None, *, with_demo: bool) -> None:
        await database.read(_load_pages)
        gc.freeze()
        gc.enable()
        if credentials is None:
            self._say(later_banner(settings.PUBLIC_URL, await database.read(_waiting)))
        else:
            await self._show(credentials, with_demo=with_demo)

    async def _show(self, credentials: Credentials, *, with_demo: bool) -> None:
        played, problem = [], ""
        if with_demo and credentials.agent_token:
            from mcp_bridge import demo  # the MCP client is needed once in the life of an installation

            try:
                await database.write(open_sandbox)
                played = await demo.play(_own_address(), credentials.agent_token)
            except (demo.DemoFailed, GovernanceError) as error:
                problem = str(error)
        self._say(first_banner(settings.PUBLIC_URL, settings.BASE_DIR, credentials, played, problem))
        await database.write(mark_shown)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _own_address() -> str:
    """Where this process reaches itself; a listener on every interface is also on the loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(settings.HOST, settings.HOST)  # noqa: S104
    return f"http://{host}:{settings.PORT}"


def _load_pages() -> None:
    """Imports every view now, so that ready means ready."""
    _ = get_resolver().url_patterns


def _waiting() -> int:
    """How many wait, counted up to a thousand."""
    return len(GovernanceRequest.objects.waiting().values_list("pk", flat=True)[:COUNTED])
