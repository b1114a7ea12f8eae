"""The servers of an MCP client's configuration, taken over; what the client is to have instead is printed."""

import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from governance import actions
from governance.characters import visible
from governance.errors import GovernanceError
from governance.management.base import Error, PlainCommand, find_team, find_user
from governance.models import Agent, Team, ToolServer, User
from mcp_bridge.config_import import (
    MAX_BYTES,
    Client,
    Config,
    Gateway,
    ServerEntry,
    parse_config,
    points_at,
    replacement,
)
from mcp_bridge.management.adding import add_shared_arguments, close_connections, list_tools, refuse_exposed


class Command(PlainCommand):
    help = (
        "Adds the MCP servers of a client's configuration (Claude Desktop, Claude Code, Cursor, VS Code) as tool "
        "servers. Prints on standard output the configuration that points that client at the gateway, and on standard "
        "error what became of each server. Exit code 1 when one was not taken over. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="- for standard input")
        parser.add_argument("--only", action="append", metavar="NAME", help="this server only; may be repeated")
        parser.add_argument("--disabled", action="store_true", help="also servers that the file switches off")
        parser.add_argument("--client", choices=list(Client), help="whose form to print (found out from the file)")
        parser.add_argument("--agent", metavar="NAME", help="put a new token of this agent into what is printed")
        add_shared_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        config = parse_config(_text_of(options["file"]), os.environ)
        team, by = find_team(options["team"]) or Team.objects.default(), find_user(options["by"])
        agent = _agent(options["agent"], team)
        try:
            failed = self._take_over(config, team, by, options)
        finally:
            close_connections()
        token = actions.issue_agent_token(agent) if agent else ""
        gateway = Gateway(settings.PUBLIC_URL, sys.executable, str(settings.BASE_DIR / "manage.py"))
        self.stdout.write(replacement(config, gateway, token=token, client=options["client"]))
        if failed:
            raise Error(f"Not taken over: {', '.join(failed)}. The new configuration does not have them.")

    def _take_over(self, config: Config, team: Team, by: User | None, options: dict[str, Any]) -> list[str]:
        """Adds what can be added, telling about each; the names of those that could not."""
        wanted = set(options["only"] or ())
        names = {server.name for server in config.servers} | {problem.server for problem in config.problems}
        if unknown := wanted - names:
            raise Error(f"There is no server {', '.join(sorted(unknown))} in this file.")
        failed = []
        for problem in config.problems:
            if not wanted or problem.server in wanted:
                self.stderr.write(f"{problem.server}: not taken over, {problem.reason}.")
                failed.append(problem.server)
        for server in config.servers:
            if wanted and server.name not in wanted:
                continue
            try:
                self._say(server, self._one(server, team, by, options))
            except (GovernanceError, Error) as error:
                self._say(server, [f"not taken over. {error}"])
                failed.append(server.name)
        return failed

    def _one(self, entry: ServerEntry, team: Team, by: User | None, options: dict[str, Any]) -> list[str]:
        """Lines about it, the first to stand after its name."""
        if points_at(entry, settings.PUBLIC_URL):
            return ["is this gateway."]
        if entry.disabled and not options["disabled"]:
            return ["left out: the file switches it off (--disabled takes it too)."]
        server = ToolServer.objects.filter(team=team, slug=entry.slug).first()
        if server is not None and _is_at(server, entry):
            lines = [f"is there already, as {server.slug}; its secrets stay as they are."]
        else:
            server = self._add(entry, team, by, options)
            lines = [f"added as {server.slug} ({server.kind})."]
            if entry.ignored:
                lines.append(f"  Not used by the gateway: {', '.join(entry.ignored)}.")
        listing = list_tools(
            server, accept=options["accept"], accept_marked=options["accept_marked"], by=by, command="import_mcp_config"
        )
        return [*lines, *listing.lines()]

    def _add(self, entry: ServerEntry, team: Team, by: User | None, options: dict[str, Any]) -> ToolServer:
        if not options["visible_secrets"]:
            refuse_exposed(entry.exposed)
        return actions.add_tool_server(
            slug=entry.slug, kind=entry.kind, name=entry.name, team=team, by=by, headers=entry.headers, env=entry.env,
            url=entry.url, command=entry.command, args=list(entry.args), cwd=entry.cwd,
        )

    def _say(self, server: ServerEntry, lines: list[str]) -> None:
        self.stderr.write("\n".join([f"{server.name}: {lines[0]}", *lines[1:]]))


def _is_at(server: ToolServer, entry: ServerEntry) -> bool:
    return (server.kind, server.url, server.command, server.args, server.cwd) == (
        entry.kind, entry.url, entry.command, list(entry.args), entry.cwd
    )


def _agent(name: str | None, team: Team) -> Agent | None:
    if name is None:
        return None
    try:
        return Agent.objects.get(team=team, name=name)
    except Agent.DoesNotExist:
        raise Error(f"There is no agent named {visible(name)} in {team}: manage.py create_agent makes one.") from None


def _text_of(file: str) -> str:
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(MAX_BYTES + 1)
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Error(f"The file {file} is not UTF-8 text.") from None
    except OSError as error:
        raise Error(f"The file {file} cannot be read: {error.strerror}.") from None
