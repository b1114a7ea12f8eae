"""Resources and prompts of the tool servers, for the agents of their team, as far as each server's rules allow.

A resource keeps its URI; of two servers that offer the same one the first by slug answers. A prompt is called
`server__prompt`. A server that is down is missing from the lists and is named by check_status; the others are not
affected. Reading is not decided on, but leaves its evidence.
"""

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar
from urllib.parse import unquote

from mcp import types
from mcp.shared.exceptions import MCPError
from mcp_types import SERVER_INFO_META_KEY
from pydantic import BaseModel, ValidationError

from governance.actions.read import record_read
from governance.errors import DownstreamFailed, DownstreamUnknown, GovernanceError
from governance.models import Agent, ToolServer
from governance.models.tools import REMOTE_KINDS
from mcp_bridge import database
from mcp_bridge.auth import Caller
from mcp_bridge.downstream.remote import Connection, Endpoint, at_home
from mcp_bridge.downstream.remote.faults import RpcError
from mcp_bridge.downstream.servers import endpoint_of, pool
from mcp_bridge.passthrough import ENVELOPE

log = logging.getLogger(__name__)

T = TypeVar("T")
Json = dict[str, Any]

LIST_SECONDS = 10.0
REMEMBER_SECONDS = 5.0  # what a server listed
MAX_REMEMBERED = 1_000
MAX_LISTED = 5_000
MAX_NAME = 64
RESOURCE_NOT_FOUND = -32002  # before 2026-07-28
METHOD_NOT_FOUND = -32601


@dataclass(frozen=True)
class Source:
    """A tool server that offers something to this agent; `resources` and `prompts` are the globs that allow it."""

    team_id: int
    server_id: int
    slug: str
    endpoint: Endpoint
    resources: tuple[str, ...]
    prompts: tuple[str, ...]

    def allows_uri(self, uri: str) -> bool:
        return _is_straight(uri) and _any_match(self.resources, uri)

    def allows_prompt(self, name: str) -> bool:
        return _any_match(self.prompts, name)


@dataclass(frozen=True)
class Kind:
    """One of the lists: how it is asked for, an entry's key, and what an entry must be."""

    name: str
    ask: Callable[[Connection], Coroutine[Any, Any, list[Json]]]
    key: str
    model: type[BaseModel]
    allows: Callable[[Source, str], bool]


RESOURCES = Kind("resources", Connection.list_resources, "uri", types.Resource, Source.allows_uri)
TEMPLATES = Kind(
    "resource templates", Connection.list_resource_templates, "uriTemplate", types.ResourceTemplate, Source.allows_uri
)
PROMPTS = Kind("prompts", Connection.list_prompts, "name", types.Prompt, Source.allows_prompt)


def _any_match(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_straight(uri: str) -> bool:
    """Without `..` in any writing, with which a URI could leave the folder that a rule names."""
    for _ in range(3):
        if ".." in re.split(r"[/\\?#]", uri):
            return False
        uri = unquote(uri)
    return ".." not in re.split(r"[/\\?#]", uri)


def sources(agent_id: int) -> list[Source]:
    """By slug. Nothing for an agent or team that is halted. Reads the database."""
    agent = Agent.objects.select_related("team").get(pk=agent_id)
    if agent.is_halted or agent.team.is_halted:
        return []
    servers = ToolServer.objects.filter(team_id=agent.team_id, kind__in=REMOTE_KINDS, enabled=True, halted_at=None)
    found = []
    for server in servers.exclude(allowed_resources="", allowed_prompts="").select_related("team").order_by("slug"):
        try:
            endpoint = endpoint_of(server)
        except GovernanceError as error:
            _problem(server.team_id, server.slug, str(error))
            continue
        found.append(Source(
            server.team_id, server.pk, server.slug, endpoint, tuple(server.allowed_resources.split()),
            tuple(line.strip() for line in server.allowed_prompts.splitlines() if line.strip()),
        ))  # fmt: skip
    return found


# -- lists -----------------------------------------------------------------------------------

_lists: dict[tuple[Endpoint, str], tuple[float, list[Json]]] = {}
_problems: dict[tuple[int, str], str] = {}


def problems(team_id: int) -> list[str]:
    """Which servers of this team could not say what they offer, when they were last asked."""
    return [text for (team, _), text in sorted(_problems.items()) if team == team_id]


def _problem(team_id: int, slug: str, text: str) -> None:
    if _problems.get((team_id, slug)) != text:
        log.warning("what the tool server %s offers could not be read: %s", slug, text)
    _problems[team_id, slug] = text


def forget_lists() -> None:
    _lists.clear()


async def _listed(source: Source, kind: Kind) -> list[Json]:
    """What the server lists and the rule allows; nothing when it cannot be asked."""
    key = source.endpoint, kind.name
    listed_at, entries = _lists.get(key, (0.0, []))
    if not listed_at or time.monotonic() - listed_at > REMEMBER_SECONDS:
        try:
            async with asyncio.timeout(LIST_SECONDS):
                entries = await at_home(kind.ask(pool.connection(source.endpoint)))
            _problems.pop((source.team_id, source.slug), None)
        except (DownstreamFailed, DownstreamUnknown, TimeoutError) as error:
            if not _is_not_offered(error):
                text = str(error) or f"The tool server {source.endpoint.key} did not list its {kind.name} in time."
                _problem(source.team_id, source.slug, text)
            entries = []
        if len(_lists) >= MAX_REMEMBERED:
            _lists.clear()
        _lists[key] = time.monotonic(), entries
    return [entry for entry in entries if _is_allowed(source, kind, entry)]


def _is_not_offered(error: Exception) -> bool:
    return isinstance(error.__cause__, RpcError) and error.__cause__.code == METHOD_NOT_FOUND


def _is_allowed(source: Source, kind: Kind, entry: Json) -> bool:
    name = entry.get(kind.key)
    if not isinstance(name, str) or not kind.allows(source, name):
        return False
    try:
        kind.model.model_validate(entry)
    except ValidationError:
        log.info("%s lists %s that MCP does not allow; left out: %s", source.endpoint.key, kind.name, name[:200])
        return False
    return True


async def _all_listed(caller: Caller, kind: Kind) -> list[tuple[Source, Json]]:
    found = await database.read(sources, caller.agent_id)
    lists = await asyncio.gather(*(_listed(source, kind) for source in found))
    return [(source, entry) for source, entries in zip(found, lists, strict=True) for entry in entries]


async def list_resources(caller: Caller, kind: Kind = RESOURCES) -> list[Json]:
    by_key: dict[str, Json] = {}
    for _, entry in await _all_listed(caller, kind):
        by_key.setdefault(entry[kind.key], entry)
    return list(by_key.values())[:MAX_LISTED]


async def list_prompts(caller: Caller) -> list[Json]:
    return [{**entry, "name": exposed} for exposed, (_, entry) in (await _prompts(caller)).items()][:MAX_LISTED]


async def _prompts(caller: Caller) -> dict[str, tuple[Source, Json]]:
    """By the name that agents use."""
    found: dict[str, tuple[Source, Json]] = {}
    for source, entry in await _all_listed(caller, PROMPTS):
        found.setdefault(exposed_name(source.slug, entry["name"]), (source, entry))
    return found


def exposed_name(slug: str, name: str) -> str:
    """`server__prompt`; with a digest where that could be read in two ways or is no name that every client takes."""
    plain = f"{slug}__{name}"
    if "__" not in slug and "__" not in name and re.fullmatch(rf"[A-Za-z0-9_-]{{1,{MAX_NAME}}}", plain):
        return plain
    digest = hashlib.sha256(f"{slug}\0{name}".encode()).hexdigest()[:10]
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', plain)[: MAX_NAME - 11]}-{digest}"


# -- reading ---------------------------------------------------------------------------------


async def read_resource(caller: Caller, uri: str, *, is_modern: bool) -> Json:
    """The server's answer as it came. Raises MCPError."""
    source = await _source_of(caller, uri)
    if source is None:
        code = types.INVALID_PARAMS if is_modern else RESOURCE_NOT_FOUND
        raise MCPError(code, "Resource not found", {"uri": uri})
    await _record(caller, source, "resource read", uri)
    try:
        return await _from(source, lambda connection: connection.read_resource(uri))
    except MCPError as error:
        if is_modern and error.code == RESOURCE_NOT_FOUND:
            raise MCPError(types.INVALID_PARAMS, error.error.message, {"uri": uri}) from error
        raise


async def _source_of(caller: Caller, uri: str) -> Source | None:
    """Who answers for this URI: who lists it, else whose template it fits, else whose rule allows it; first by slug."""
    allowed = [source for source in await database.read(sources, caller.agent_id) if source.allows_uri(uri)]
    if len(allowed) < 2:
        return allowed[0] if allowed else None
    listed = await asyncio.gather(*(_listed(source, RESOURCES) for source in allowed))
    for source, entries in zip(allowed, listed, strict=True):
        if any(entry["uri"] == uri for entry in entries):
            return source
    listed = await asyncio.gather(*(_listed(source, TEMPLATES) for source in allowed))
    for source, entries in zip(allowed, listed, strict=True):
        if any(_fits(entry["uriTemplate"], uri) for entry in entries):
            return source
    return allowed[0]


def _fits(template: str, uri: str) -> bool:
    """Roughly: every expression stands for something."""
    parts = re.split(r"\{[^{}]*\}", template[:2_000])
    return fnmatchcase(uri, "*".join(re.sub(r"([*?\[])", r"[\1]", part) for part in parts))


async def get_prompt(caller: Caller, name: str, arguments: Mapping[str, str]) -> Json:
    """The server's answer as it came. A server's own name for a prompt does as long as only one offers it.

    Raises MCPError.
    """
    source, entry = await _find_prompt(caller, name)
    await _record(caller, source, "prompt taken", entry["name"])
    return await _from(source, lambda connection: connection.get_prompt(entry["name"], arguments))


async def _find_prompt(caller: Caller, name: str) -> tuple[Source, Json]:
    found = await _prompts(caller)
    match = found.get(name)
    if match is None:
        same = [offer for offer in found.values() if offer[1]["name"] == name]
        match = same[0] if len(same) == 1 else None
    if match is None:
        down = problems(caller.team_id)
        raise MCPError(types.INVALID_PARAMS, " ".join([f"Unknown prompt: {name[:100]}.", *down]))
    return match


async def complete(caller: Caller, asked: Mapping[str, Any]) -> Json:
    """What the server of the prompt or template suggests for an argument. Raises MCPError."""
    ref = asked["ref"]
    if ref["type"] == "ref/prompt":
        source, entry = await _find_prompt(caller, ref["name"])
        ref = {**ref, "name": entry["name"]}
    else:
        source = await _source_of(caller, ref["uri"])
    if source is None:
        raise MCPError(types.INVALID_PARAMS, "Unknown resource template", {"uri": ref["uri"]})
    return await _from(source, lambda connection: connection.complete({**asked, "ref": ref}))


async def _record(caller: Caller, source: Source, what: str, name: str) -> None:
    try:
        await database.write(
            record_read, agent_id=caller.agent_id, server_id=source.server_id, what=what, name=name
        )
    except GovernanceError as error:
        raise MCPError(types.INVALID_REQUEST, str(error)) from error


async def _from(source: Source, ask: Callable[[Connection], Coroutine[Any, Any, Json]]) -> Json:
    try:
        answer = await at_home(ask(pool.connection(source.endpoint)))
    except (DownstreamFailed, DownstreamUnknown) as error:
        if isinstance(cause := error.__cause__, RpcError):
            message = str(cause).removesuffix(f" (code {cause.code})")
            raise MCPError(cause.code, message, cause.data) from error
        raise MCPError(types.INTERNAL_ERROR, str(error)) from error
    exact = {name: value for name, value in answer.items() if name not in ENVELOPE}
    if isinstance(meta := exact.get("_meta"), dict):
        exact["_meta"] = {name: value for name, value in meta.items() if name != SERVER_INFO_META_KEY}
    return exact
