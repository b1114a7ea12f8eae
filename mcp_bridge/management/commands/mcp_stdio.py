"""manage.py mcp_stdio: MCP on stdin and stdout, for clients that start their servers themselves."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from governance import events
from governance.errors import GovernanceError
from governance.workflow.workers import start_workers
from mcp_bridge import express, stdio

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Speaks MCP on stdin and stdout; logs go to stderr. ATLAS_GATEWAY_URL makes it a thin bridge to a running "
        "gateway. ATLAS_AGENT_TOKEN says which agent calls; without it, on SQLite, the local agent `stdio`."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        token = os.environ.get("ATLAS_AGENT_TOKEN", "").strip()
        url = os.environ.get("ATLAS_GATEWAY_URL", "").strip()
        if not url:
            return self._serve(token)
        if not token:
            raise CommandError("ATLAS_AGENT_TOKEN is not set. The gateway at ATLAS_GATEWAY_URL asks for it.")
        try:
            asyncio.run(_until_told(stdio.bridge(url, token, _lost)))
        except stdio.GatewayLost as lost:
            raise CommandError(str(lost)) from lost

    def _serve(self, token: str) -> None:
        if connection.vendor == "sqlite":
            _migrate()
        try:
            find_caller = stdio.caller_of_token(token) if token else stdio.local_caller()
        except GovernanceError as refused:
            raise CommandError(str(refused)) from refused
        connection.close()
        workers = start_workers() if settings.RUN_WORKERS else None
        try:
            asyncio.run(_until_told(_serve(find_caller)))
        finally:
            if workers:
                workers.stop(1.0)


async def _serve(find_caller: stdio.FindCaller) -> None:
    caller = await find_caller()
    if caller is None or not caller.may_call:
        return _lost("ATLAS_AGENT_TOKEN is not the token of an agent, or it was revoked or has expired.")
    events.use_loop(asyncio.get_running_loop())
    try:
        await stdio.serve(find_caller)
    finally:
        await express.finish()
        events.use_loop(None)


async def _until_told(session: Coroutine[Any, Any, None]) -> None:
    """Runs the session until its stdin closes; a signal ends the process at once.

    At once, because a thread that is blocked in reading stdin cannot be told to stop. Requests are safe in their rows.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _leave, 0)
    await session


def _lost(why: str) -> None:
    print(why, file=sys.stderr)  # noqa: T201
    _leave(1)


def _leave(code: int) -> None:
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


def _migrate() -> None:
    """A single-node installation needs no other command before its first session."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, stdout=sys.stderr)
