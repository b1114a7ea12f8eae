"""A further tool server, and what it offers."""

import argparse
import json
import shlex
from typing import Any

from django.core.management.base import CommandParser

from governance import actions
from governance.management.base import Error, PlainCommand, find_team, find_user
from mcp_bridge.exposed import exposed_in_args, exposed_in_url
from mcp_bridge.management.adding import (
    add_shared_arguments,
    close_connections,
    list_tools,
    named_value,
    refuse_exposed,
    value_of,
)

EXAMPLES = """
  manage.py add_tool_server docs --url https://mcp.example.org/mcp --bearer env:DOCS_TOKEN
  manage.py add_tool_server files --command "npx -y @modelcontextprotocol/server-filesystem /srv/files"
  manage.py add_tool_server mail --env MAIL_PASSWORD=file:/run/secrets/mail --command "uvx mail-mcp"

Values of --header, --env and --bearer are sealed and never shown again. They come from the environment (env:NAME), a
file (file:PATH), the keyboard or standard input (ask), or stand there as they are. Every tool waits until a person
accepts its definition, on the page of tools or with --accept.
"""


def words(text: str) -> list[str]:
    """A command line as a shell takes it apart."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"it cannot be taken apart: {error}") from None


class Command(PlainCommand):
    help = "Adds an MCP server whose tools agents may call through the gateway, and lists them."

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        kwargs |= {"epilog": EXAMPLES, "formatter_class": argparse.RawDescriptionHelpFormatter}
        return super().create_parser(*args, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="its short name; agents see its tools as SLUG__TOOL")
        parser.add_argument(
            "--command", type=words, default=[], dest="program", metavar="'PROGRAM ARGUMENT …'",
            help="of a stdio server; taken apart like a shell does, but no shell runs it",
        )
        parser.add_argument("--url", default="", help="of a Streamable HTTP or SSE server")
        parser.add_argument("--sse", action="store_true", help="the url is of the older SSE transport")
        parser.add_argument("--name", default="", help="for people (SLUG)")
        parser.add_argument("--cwd", default="", help="working directory of a stdio server")
        parser.add_argument("--header", action="append", default=[], type=named_value, metavar="NAME=env:VARIABLE")
        parser.add_argument("--bearer", type=value_of, metavar="env:VARIABLE", help="Authorization: Bearer …")
        parser.add_argument("--env", action="append", default=[], type=named_value, metavar="NAME=env:VARIABLE")
        parser.add_argument("--timeout", type=int, metavar="SECONDS", help="for one call")
        parser.add_argument("--allow-resource", action="append", default=[], metavar="PATTERN", help="* for all")
        parser.add_argument("--allow-prompt", action="append", default=[], metavar="PATTERN", help="* for all")
        parser.add_argument("--json", action="store_true", help='print {"id", "slug", "tools", "error"} for scripts')
        add_shared_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by = find_user(options["by"])
        server = actions.add_tool_server(
            slug=options["slug"], name=options["name"], team=find_team(options["team"]), by=by, cwd=options["cwd"],
            timeout_seconds=options["timeout"], allowed_resources="\n".join(options["allow_resource"]),
            allowed_prompts="\n".join(options["allow_prompt"]), **self._where(options),
        )
        try:
            listing = list_tools(
                server, accept=options["accept"], accept_marked=options["accept_marked"], by=by,
                command="add_tool_server",
            )
        finally:
            close_connections()
        if options["json"]:
            self.stdout.write(json.dumps(listing.as_json()))
        else:
            self.stdout.write("\n".join([f"Added {server} ({server.kind}) for {server.team}.", *listing.lines()]))
        if listing.error:
            raise Error(f"{server.slug} was added, but its tools could not be read yet.")

    def _where(self, options: dict[str, Any]) -> dict[str, Any]:
        """The fields that say where it is, with its secrets."""
        url, program = options["url"], options["program"]
        if bool(url) == bool(program):
            raise Error("Say where it is: either --url, or --command for a stdio server.")
        headers, env = dict(options["header"]), dict(options["env"])
        if options["bearer"]:
            headers["Authorization"] = f"Bearer {options['bearer']}"
        if (headers or options["sse"]) and program:
            raise Error("A stdio server has no headers: give its secrets with --env.")
        if (env or options["cwd"]) and url:
            raise Error("A server at a url has no environment and no working directory; its secrets are --header.")
        if not options["visible_secrets"]:
            refuse_exposed(exposed_in_url(url) if url else exposed_in_args(program))
        if program:
            return {"kind": "stdio", "command": program[0], "args": program[1:], "env": env}
        return {"kind": "sse" if options["sse"] else "http", "url": url, "headers": headers}
