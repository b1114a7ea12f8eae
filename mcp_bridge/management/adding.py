"""What add_tool_server and import_mcp_config share: values that may be secret, and what a server offers."""

import argparse
import getpass
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from governance import actions
from governance.characters import visible
from governance.errors import GovernanceError
from governance.inspection import Finding, inspect
from governance.management.base import Error
from governance.models import Tool, ToolServer, ToolVersion, User
from mcp_bridge.downstream.remote import run_sync
from mcp_bridge.downstream.servers import pool

MAX_SECRET_BYTES = 16 * 1024
CLOSING_SECONDS = 15.0
SHOWN_CHARS = 100


def add_shared_arguments(parser: CommandParser) -> None:
    parser.add_argument("--team", metavar="SLUG", help="the team whose agents may use it (the default team)")
    parser.add_argument("--by", metavar="USERNAME", help="in whose name; recorded in the evidence")
    parser.add_argument(
        "--accept", action="store_true",
        help="accept at once every tool that is offered now, but for those with marks: your own act, and recorded so",
    )
    parser.add_argument("--accept-marked", action="store_true", help="with --accept: those with marks too")
    parser.add_argument(
        "--visible-secrets", action="store_true",
        help="add a server although its url or arguments seem to hold a secret; they are stored and shown in clear",
    )


def named_value(text: str) -> tuple[str, str]:
    """`NAME=env:VARIABLE`, `NAME=file:PATH`, `NAME=ask` (typed unseen, or a line of standard input) or `NAME=VALUE`."""
    name, equals, source = text.partition("=")
    if not (name and equals):  # it may be a secret already, so it is not repeated
        raise argparse.ArgumentTypeError("there is no = in it: write NAME=env:VARIABLE")
    return name.strip(), value_of(source, name.strip())


def value_of(source: str, name: str = "Value") -> str:
    """The value itself, from where `source` says. Raises ArgumentTypeError, which names the source only."""
    kind, colon, rest = source.partition(":")
    if colon and kind == "env":
        if not os.environ.get(rest):
            raise argparse.ArgumentTypeError(f"the environment variable {rest[:60]} is not set")
        return os.environ[rest]
    if colon and kind == "file":
        return _of_file(Path(rest))
    if source == "ask":
        typed = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline(MAX_SECRET_BYTES)
        return typed.strip()
    return source


def _of_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_SECRET_BYTES + 1)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"the file {path} cannot be read: {error}") from None
    if len(text) > MAX_SECRET_BYTES:
        raise argparse.ArgumentTypeError(f"the file {path} is longer than {MAX_SECRET_BYTES:,} characters")
    return text.strip()


def refuse_exposed(exposed: tuple[str, ...] | list[str]) -> None:
    if exposed:
        raise Error(
            f"This would be stored and shown in clear: {'; '.join(exposed)}. Give it as a header or as an environment "
            "variable, which are sealed, or add --visible-secrets."
        )


@dataclass(frozen=True)
class Listing:
    """What a server offers, and what was accepted of it. `error`: why it could not be asked."""

    server: ToolServer
    tools: tuple[Tool, ...] = ()
    accepted: tuple[Tool, ...] = ()
    marks: dict[int, list[Finding]] | None = None  # tool → what its waiting definition was marked for
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        tools = [
            {
                "name": tool.name, "exposed_name": tool.exposed_name, "waits": tool.is_quarantined,
                "marks": [f"{mark.where}: {mark.meaning}" for mark in (self.marks or {}).get(tool.pk, ())],
            }
            for tool in self.tools
        ]
        return {"id": self.server.pk, "slug": self.server.slug, "tools": tools, "error": self.error}

    def lines(self) -> list[str]:
        """For people; texts of the server with what they hide spelled out."""
        if self.error:
            return [f"  Its tools could not be read: {visible(self.error)}", "  The gateway asks again by itself."]
        return [line for tool in self.tools for line in self._of(tool)] or ["  It offers no tools."]

    def _of(self, tool: Tool) -> list[str]:
        state = "waits" if tool.is_quarantined else "accepted"
        marks = (self.marks or {}).get(tool.pk, [])
        return [f"  {state:<8}  {visible(tool.exposed_name)}", *(
            f"            ! {mark.where}: {mark.meaning} {_shortened(mark.excerpt)}" for mark in marks
        )]


def _shortened(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def list_tools(server: ToolServer, *, accept: bool, accept_marked: bool, by: User | None, command: str) -> Listing:
    """Asks the server what it offers and, when told to, accepts exactly that."""
    try:
        tools = actions.read_tools(server)
    except GovernanceError as error:
        return Listing(server, error=str(error))
    waiting = list(ToolVersion.objects.filter(tool__server=server).pending().select_related("tool"))
    marks = {version.tool_id: inspect(version.definition) for version in waiting}
    reason = f"Accepted by the operator at the command line ({command} --accept)."
    accepted = [
        actions.accept_definition(version, reason=reason, by=by) for version in reversed(waiting)
        if accept and (accept_marked or not marks[version.tool_id])
    ]
    fresh = {tool.pk: tool for tool in accepted}
    return Listing(server, tuple(fresh.get(tool.pk, tool) for tool in tools), tuple(accepted), marks)


def close_connections() -> None:
    """Ends the child processes and streams that asking has opened."""
    run_sync(pool.close_all(), CLOSING_SECONDS)
