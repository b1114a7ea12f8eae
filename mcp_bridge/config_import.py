"""The `mcpServers` JSON of an MCP client: read into plain values, and written anew to point at the gateway.

Known are Claude Desktop, Claude Code, Cursor and VS Code (`servers`), and what Windsurf and Gemini call a url. Nothing
is stored here and nothing is looked up but variables in the mapping that the caller gives.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from django.utils.text import slugify

from governance.characters import visible
from governance.errors import GovernanceError
from mcp_bridge.exposed import exposed_in_args, exposed_in_url, exposed_variables

MAX_BYTES = 4 * 1024 * 1024  # Claude Code's own file holds more than servers
MAX_SERVERS = 100
MAX_ITEMS = 200  # arguments, headers or variables of one server
MAX_VALUE_CHARS = 16 * 1024
MAX_URL_CHARS = 1_000
MAX_COMMAND_CHARS = 500
MAX_SLUG_CHARS = 40


class InvalidConfig(GovernanceError):
    """The file as a whole cannot be read; the message says what to do."""


class Client(StrEnum):
    CLAUDE_CODE = "claude-code"
    CLAUDE_DESKTOP = "claude-desktop"
    CURSOR = "cursor"
    VSCODE = "vscode"


@dataclass(frozen=True)
class ServerEntry:
    """One server, its placeholders resolved. What may be secret is not in its repr."""

    name: str
    slug: str  # unique in the file
    kind: str  # http | sse | stdio
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    command: str = ""
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str = ""
    disabled: bool = False
    ignored: tuple[str, ...] = ()  # fields that the gateway has no use for
    exposed: tuple[str, ...] = ()  # places of what looks like a secret but would not be stored as one


@dataclass(frozen=True)
class Problem:
    """Why a server of the file cannot be taken over."""

    server: str
    reason: str


@dataclass(frozen=True)
class Config:
    client: Client
    servers: tuple[ServerEntry, ...]
    problems: tuple[Problem, ...]
    document: Mapping[str, Any] = field(repr=False)  # the whole file
    key: str = "mcpServers"  # where the servers stand in it


@dataclass(frozen=True)
class Gateway:
    """How a client reaches the gateway. `python` and `manage` are the paths for clients that start their servers."""

    url: str
    python: str
    manage: str


def parse_config(text: str, environ: Mapping[str, str]) -> Config:
    """Reads the file. What is wrong with one server is a problem of that server; the others are read all the same.

    Raises InvalidConfig when there is nothing to read: too large, no JSON, no servers.
    """
    document = _document(text)
    key = next((key for key in ("mcpServers", "servers") if isinstance(document.get(key), dict)), None)
    if key is None:
        raise InvalidConfig('There are no servers in this file: it needs an object "mcpServers" (or "servers").')
    entries = document[key]
    if len(entries) > MAX_SERVERS:
        raise InvalidConfig(f"This file names {len(entries)} servers; the limit is {MAX_SERVERS}. Split it.")
    servers: list[ServerEntry] = []
    problems: list[Problem] = []
    for name, body in entries.items():
        try:
            server = _server(name, body, environ)
            servers.append(replace(server, slug=_free(server.slug, {other.slug for other in servers})))
        except _Unusable as error:
            problems.append(Problem(visible(name[:100]), str(error)))
    return Config(_client_of(key, entries.values()), tuple(servers), tuple(problems), document, key)


def points_at(server: ServerEntry, gateway_url: str) -> bool:
    """Whether it is this gateway already: taking it over would make the gateway its own tool server."""
    base = gateway_url.rstrip("/")
    return (
        server.url == base or server.url.startswith(f"{base}/") or "mcp_stdio" in server.args
        or server.env.get("ATLAS_GATEWAY_URL", "").rstrip("/") == base
    )


def replacement(config: Config, gateway: Gateway, *, token: str = "", client: Client | None = None) -> str:
    """The file with one server, the gateway; what else stands at its top is kept. JSON, indented.

    Without a token it has a placeholder in the form that the client fills in by itself where it can.
    """
    client = client or config.client
    document = {**config.document, config.key: {"atlas": _atlas(client, gateway, token)}}
    if client == Client.VSCODE and not token:
        asked = config.document.get("inputs")
        document["inputs"] = [*(asked if isinstance(asked, list) else []), {
            "type": "promptString", "id": "atlas-agent-token", "description": "The agent's token", "password": True,
        }]
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # half a character as the escape it came as


def _atlas(client: Client, gateway: Gateway, token: str) -> dict[str, Any]:
    url = gateway.url.rstrip("/")
    if client == Client.CLAUDE_DESKTOP:  # it starts its servers, and fills in no variables
        env = {"ATLAS_GATEWAY_URL": url, "ATLAS_AGENT_TOKEN": token or "the agent's token (manage.py create_agent)"}
        return {"command": gateway.python, "args": [gateway.manage, "mcp_stdio"], "env": env}
    placeholder = {
        Client.CLAUDE_CODE: "${ATLAS_AGENT_TOKEN}", Client.CURSOR: "${env:ATLAS_AGENT_TOKEN}",
        Client.VSCODE: "${input:atlas-agent-token}",
    }[client]
    entry = {"url": f"{url}/mcp", "headers": {"Authorization": f"Bearer {token or placeholder}"}}
    return entry if client == Client.CURSOR else {"type": "http", **entry}


def _client_of(key: str, bodies: Iterable[Any]) -> Client:
    """By the forms that only one of them writes."""
    if key == "servers":
        return Client.VSCODE
    bodies = [body for body in bodies if isinstance(body, dict)]
    if any("type" in body for body in bodies):
        return Client.CLAUDE_CODE
    return Client.CURSOR if any("url" in body for body in bodies) else Client.CLAUDE_DESKTOP


# -- the file --------------------------------------------------------------------------------

# Each alternative that begins also ends, at the end of the text if need be; so none goes back over it.
_COMMENT = re.compile(r'("(?:[^"\\]|\\.?)*(?:"|\Z))|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:[^"\\]|\\.?)*(?:"|\Z))|,(?=\s*[}\]])', re.DOTALL)


def _document(text: str) -> dict[str, Any]:
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise InvalidConfig(f"This file is larger than {MAX_BYTES:,} bytes.")
    text = text.removeprefix("\ufeff")
    try:
        document = _loads(text)
    except json.JSONDecodeError as strict:
        try:  # VS Code's files may hold comments and last commas
            document = _loads(_LAST_COMMA.sub(r"\1", _COMMENT.sub(r"\1", text)))
        except json.JSONDecodeError:
            raise InvalidConfig(f"This file is not JSON: {strict}.") from strict
    if not isinstance(document, dict):
        raise InvalidConfig('This file is JSON, but not an object with "mcpServers".')
    return document


def _loads(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise InvalidConfig("This file is nested too deep.") from None
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            raise
        raise InvalidConfig(f"This file is not JSON: {error}.") from error  # a number of thousands of digits


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidConfig(f"{twice[:100]!r} stands twice in one object of this file. Remove one.")
    return found


# -- one server ------------------------------------------------------------------------------

_URL_FIELDS = ("url", "serverUrl", "httpUrl")  # of all; of Windsurf; of Gemini
_KINDS = {
    "stdio": "stdio", "local": "stdio", "sse": "sse", "http": "http", "streamable-http": "http",
    "streamablehttp": "http", "streamable_http": "http",
}
_KIND_FIELDS = ("type", "transport", "transportType")
_USED = {*_URL_FIELDS, *_KIND_FIELDS, "command", "disabled", "enabled"}
_USED_BY = {"stdio": {"args", "env", "cwd"}, "http": {"headers"}, "sse": {"headers"}}
_REFUSED = {
    "envFile": "it reads its variables from a file (envFile): write them under env",
    "headersHelper": "it asks a program for its headers (headersHelper): write them under headers",
    "oauth": "it logs in by OAuth, which needs a person at the client: use a token in a header",
    "auth": "it logs in by OAuth, which needs a person at the client: use a token in a header",
}


class _Unusable(Exception):
    """Why one server cannot be taken over."""


def _server(name: str, body: Any, environ: Mapping[str, str]) -> ServerEntry:
    if not isinstance(body, dict):
        raise _Unusable("it is not an object")
    slug = slugify(name)[:MAX_SLUG_CHARS].strip("-_")
    if not slug:
        raise _Unusable("its name has no letter or digit to make a short name from")
    for refused in _REFUSED.keys() & body.keys():
        if body[refused]:
            raise _Unusable(_REFUSED[refused])
    url = _one(body, _URL_FIELDS)
    kind = _kind(body, url)
    server = ServerEntry(
        name=visible(name)[:100], slug=slug, kind=kind,
        disabled=body.get("disabled") is True or body.get("enabled") is False,
        ignored=tuple(sorted(visible(other)[:40] for other in body.keys() - _USED - _USED_BY[kind])),
    )
    if kind == "stdio":
        return _stdio(server, body, environ)
    headers = _mapping(body.get("headers"), "headers", environ)
    for header, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", header) or re.search(r"[\r\n\0]", value):
            raise _Unusable(f"its header {header[:40]!r} is not a header of HTTP")
    full = _checked_url(_text(url, "url", environ, MAX_URL_CHARS))
    return replace(server, url=full, headers=headers, exposed=(*exposed_in_url(full), *exposed_variables(url)))


def _stdio(server: ServerEntry, body: Mapping[str, Any], environ: Mapping[str, str]) -> ServerEntry:
    args = body.get("args") or []
    if not isinstance(args, list) or len(args) > MAX_ITEMS:
        raise _Unusable(f"its args are not a list of at most {MAX_ITEMS} strings")
    env = _mapping(body.get("env"), "env", environ)
    if any(not name or "=" in name or "\0" in name + value for name, value in env.items()):
        raise _Unusable("its env holds a name that no variable can have")
    command = _text(body.get("command"), "command", environ, MAX_COMMAND_CHARS)
    # A variable of its own environment is for the program to fill in (as mcp-remote does), so that it stays a secret.
    left_alone = {name: f"${{{name}}}" for name in env}
    words = tuple(_text(arg, "args", {**environ, **left_alone}) for arg in args)
    cwd = _text(body["cwd"], "cwd", environ, MAX_COMMAND_CHARS) if body.get("cwd") else ""
    if "\0" in command + cwd + "".join(words):
        raise _Unusable("its command holds a character that no command can have")
    filled_in = (raw for raw, word in zip(args, words, strict=True) if raw != word)
    exposed = (*exposed_in_args(words), *exposed_variables(*filled_in))
    return replace(server, command=command, args=words, env=env, cwd=cwd, exposed=exposed)


def _kind(body: Mapping[str, Any], url: Any) -> str:
    """What it says, else what follows from a url or a command."""
    said = _one(body, _KIND_FIELDS)
    if said is not None:
        kind = _KINDS.get(said.lower() if isinstance(said, str) else "")
        if kind is None:
            raise _Unusable(f"its type {str(said)[:40]!r} is none of http, sse and stdio")
    elif url is not None:
        is_sse = isinstance(url, str) and url.split("?")[0].rstrip("/").endswith("/sse")
        kind = "sse" if is_sse else "http"
    else:
        kind = "stdio"
    if kind == "stdio" and not body.get("command"):
        raise _Unusable("it has no command" if said else "it has neither a url nor a command")
    if kind != "stdio" and not url:
        raise _Unusable("it has no url")
    if url and body.get("command"):
        raise _Unusable("it has both a url and a command: which one?")
    return kind


def _one(body: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((body[name] for name in names if body.get(name) is not None), None)


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise _Unusable("its url is no address like https://host/path")
    return url


def _mapping(value: Any, what: str, environ: Mapping[str, str]) -> dict[str, str]:
    value = value or {}
    if not isinstance(value, dict) or len(value) > MAX_ITEMS:
        raise _Unusable(f"its {what} are not an object of at most {MAX_ITEMS} strings")
    return {name: _text(item, f"{what} {name[:40]!r}", environ) for name, item in value.items()}


def _text(value: Any, what: str, environ: Mapping[str, str], limit: int = MAX_VALUE_CHARS) -> str:
    if isinstance(value, bool | int | float):
        value = json.dumps(value)
    if not isinstance(value, str) or re.search(r"[\ud800-\udfff]", value):
        raise _Unusable(f"its {what} is not a text")
    if len(value) > limit:
        raise _Unusable(f"its {what} has more than {limit:,} characters")
    full = _PLACEHOLDER.sub(lambda match: _resolved(match.group(1), what, environ), value)
    if len(full) > limit:
        raise _Unusable(f"its {what} has more than {limit:,} characters")
    return full


_PLACEHOLDER = re.compile(r"\$\{([^{}]{0,200})\}")
_VARIABLE = re.compile(r"(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


def _resolved(inside: str, what: str, environ: Mapping[str, str]) -> str:
    if inside == "userHome":
        inside = "HOME"
    match = _VARIABLE.fullmatch(inside)
    if match is None or inside.startswith(("workspaceFolder", "pathSeparator")):
        raise _Unusable(f"its {what} has the placeholder ${{{inside[:60]}}}, which only the client can fill in")
    name, default = match.groups()
    if environ.get(name) or (default is None and name in environ):
        return environ[name]
    if default is not None:
        return default
    raise _Unusable(f"its {what} needs the environment variable {name}, which is not set")


def _free(slug: str, taken: set[str]) -> str:
    number = 1
    candidate = slug
    while candidate in taken:
        number += 1
        candidate = f"{slug[: MAX_SLUG_CHARS - len(str(number)) - 1]}-{number}"
    return candidate
