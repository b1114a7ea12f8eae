"""Tool servers: added, their offers read, and definitions accepted or rejected by a person.

A new or changed definition is quarantined: agents neither see nor call the tool until a person accepted exactly the
definition that is offered now. The digest of a definition is its pin.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import DateTimeField
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.text import slugify

from governance.actions.halt import can_halt
from governance.actions.moves import GATEWAY, record_administration, reviewer_actor, take_turn
from governance.definitions import digest_of
from governance.errors import GovernanceError, InvalidArguments, LimitExceeded, NotAllowed, WrongState
from governance.models import Team, Tool, ToolServer, ToolVersion, User
from governance.models.tools import REMOTE_KINDS, DefinitionVerdict
from governance.sealing import seal, unseal
from governance.toolservers import ToolDefinition, backend_of

MAX_TOOLS = 500  # of one server
MAX_EXPOSED_NAME = 64


def add_tool_server(
    *, slug: str, kind: str, name: str = "", team: Team | None = None, headers: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None, by: User | None = None, **fields: Any,
) -> ToolServer:
    """A new remote tool server; its tools are read by `sync_tools`. `fields`: those of the model (url, command …).

    Raises InvalidArguments on a taken slug or a field that does not fit.
    """
    if kind not in REMOTE_KINDS:
        raise InvalidArguments(f"The kind of a tool server is one of {', '.join(REMOTE_KINDS)}, not {kind!r}.")
    slug = slugify(slug)[:40]
    with transaction.atomic():
        team = team or Team.objects.default()
        if ToolServer.objects.filter(team=team, slug=slug).exists():
            raise InvalidArguments(f"There is already a tool server {slug} in {team}.")
        server = ToolServer(
            team=team, slug=slug, kind=kind, name=name.strip() or slug, sealed=sealed(headers, env), **fields
        )
        check_server(server)
        server.save()
        record_administration(
            team, "tool server added", actor=_actor(by), now=timezone.now(), server=slug, kind=kind, url=server.url,
            command=server.command, headers=sorted(headers or {}), env=sorted(env or {}),
        )
    return server


def replace_secrets(
    server: ToolServer, *, headers: Mapping[str, str], env: Mapping[str, str], by: User | None = None
) -> None:
    """All headers and environment values of a server at once; the old ones are forgotten."""
    with transaction.atomic():
        take_turn(server.team_id)
        server.sealed = sealed(headers, env)
        server.save(update_fields=["sealed"])
        record_administration(
            server.team, "tool server secrets replaced", actor=_actor(by), now=timezone.now(), server=server.slug,
            headers=sorted(headers), env=sorted(env),
        )


def sealed(headers: Mapping[str, str] | None, env: Mapping[str, str] | None) -> str:
    values = {"headers": dict(headers or {}), "env": dict(env or {})}
    return seal(json.dumps(values)) if any(values.values()) else ""


def secrets_of(server: ToolServer) -> tuple[dict[str, str], dict[str, str]]:
    """Its headers and its environment, in clear; for the connection alone."""
    values = json.loads(unseal(server.sealed)) if server.sealed else {}
    return values.get("headers", {}), values.get("env", {})


def check_server(server: ToolServer) -> None:
    """Raises InvalidArguments when the row cannot be a server of its kind."""
    try:
        server.full_clean()
    except ValidationError as error:
        raise InvalidArguments(" ".join(error.messages)) from error
    if server.kind in ("http", "sse") and not _is_address(server.url):
        raise InvalidArguments("A server of this kind needs a url such as https://tools.example.org/mcp.")
    if server.kind == "stdio" and not server.command:
        raise InvalidArguments("A stdio server needs a command.")
    if not isinstance(server.args, list) or not all(isinstance(part, str) for part in server.args):
        raise InvalidArguments('args is a list of strings, such as ["--option", "value"].')


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s\x00-\x1f]", url)


def read_tools(server: ToolServer) -> list[Tool]:
    """Asks the server for its tools and keeps the answer. Blocks for the network; no transaction is open meanwhile.

    Raises DownstreamFailed when it cannot be asked, after noting why on its row.
    """
    try:
        definitions = backend_of(server).list_tools()
    except GovernanceError as error:
        ToolServer.objects.filter(pk=server.pk).update(
            last_error=str(error)[:500], down_since=Coalesce("down_since", timezone.now(), output_field=DateTimeField())
        )
        raise
    return sync_tools(server, definitions)


def sync_tools(server: ToolServer, definitions: Iterable[ToolDefinition]) -> list[Tool]:
    """Notes what the server offers now: new and changed definitions wait for a person, missing tools are withdrawn.

    Its present tools. A definition that cannot be used is left out and named in the row's `last_error`. Raises
    LimitExceeded when there are too many; then nothing is changed.
    """
    offered, problems = _usable(server, definitions)
    now = timezone.now()
    with transaction.atomic():
        take_turn(server.team_id)
        ToolServer.objects.filter(pk=server.pk).update(
            listed_at=now, down_since=None, last_error="; ".join(problems)[:500]
        )
        known = {tool.name: tool for tool in server.tools.all()}
        for name, tool in known.items():
            if name not in offered and tool.withdrawn_at is None:
                _note(tool, "tool withdrawn", now, withdrawn_at=now)
        return [_offer(server, known.get(name), name, *found, now) for name, found in offered.items()]


def accept_definition(version: ToolVersion, *, reason: str = "", by: User | None = None) -> Tool:
    """Makes this definition the tool's own; once it is, the same again changes nothing.

    Raises NotAllowed (not a reviewer, operator or admin of the team) and WrongState when the server offers another
    definition by now.
    """
    now = timezone.now()
    with transaction.atomic():
        tool = _tool_to_decide(version, by)
        if tool.withdrawn_at is not None or version.digest != tool.offered_digest:
            raise WrongState(f"{tool} is offered with another definition by now. Look at that one.")
        if version.digest == tool.digest:  # who accepted it first stays
            return tool
        _decide(version, DefinitionVerdict.ACCEPTED, reason, by, now)
        body = version.definition
        Tool.objects.filter(pk=tool.pk).update(
            digest=version.digest, title=str(body.get("title") or "")[:200], description=body.get("description") or "",
            input_schema=body.get("inputSchema") or {}, output_schema=body.get("outputSchema"),
            annotations=body.get("annotations") or {}, meta=body.get("_meta") or {},
        )
        record_administration(
            tool.server.team, "tool definition accepted", actor=_actor(by), now=now, tool=tool.exposed_name,
            tool_digest=version.digest, before=tool.digest, reason=reason[:500],
        )
    tool.refresh_from_db()
    return tool


def reject_definition(version: ToolVersion, *, reason: str, by: User | None = None) -> None:
    """Keeps the tool quarantined. The definition can still be accepted later.

    Raises NotAllowed as `accept_definition` does, and WrongState for the definition that is accepted.
    """
    now = timezone.now()
    with transaction.atomic():
        tool = _tool_to_decide(version, by)
        if version.digest == tool.digest:
            raise WrongState(f"This definition of {tool} is accepted. Halt the tool to stop it.")
        _decide(version, DefinitionVerdict.REJECTED, reason, by, now)
        record_administration(
            tool.server.team, "tool definition rejected", actor=_actor(by), now=now, tool=tool.exposed_name,
            tool_digest=version.digest, reason=reason[:500],
        )


def accept_all_offered(server: ToolServer, *, reason: str, by: User | None = None) -> list[Tool]:
    """Accepts whatever the server offers now; for whoever adds a server that they trust."""
    versions = ToolVersion.objects.filter(tool__server=server).pending().select_related("tool")
    return [accept_definition(version, reason=reason, by=by) for version in versions]


def install_builtin_tools(team: Team) -> ToolServer:
    """The built-in welfare server of a team, its tools as the code describes them now. Safe to repeat."""
    with transaction.atomic():
        server, _ = ToolServer.objects.get_or_create(
            team=team, slug="welfare", defaults={"name": "Welfare office", "kind": "welfare"}
        )
        sync_tools(server, backend_of(server).list_tools())
        accept_all_offered(server, reason="Built into this version of the gateway.")
    return server


def _offer(server: ToolServer, tool: Tool | None, name: str, digest: str, body: dict[str, Any], now: datetime) -> Tool:
    if tool is None:
        tool = Tool.objects.create(
            server=server, name=name, exposed_name=_exposed_name(server, name), offered_digest=digest
        )
        _new_version(tool, digest, body, now)
    elif tool.offered_digest != digest or tool.withdrawn_at is not None:
        _note(tool, "tool offered again" if tool.offered_digest == digest else "tool changed", now,
              offered_digest=digest, withdrawn_at=None)
        _new_version(tool, digest, body, now)
    return tool


def _new_version(tool: Tool, digest: str, body: dict[str, Any], now: datetime) -> None:
    version, created = ToolVersion.objects.get_or_create(
        tool=tool, digest=digest, defaults={"definition": body, "seen_at": now}
    )
    if version.verdict == DefinitionVerdict.ACCEPTED and digest != tool.digest:
        # Accepted once, then given up for another one: a person decides anew.
        ToolVersion.objects.filter(pk=version.pk).update(
            verdict=DefinitionVerdict.PENDING, decided_by=None, decided_at=None, reason=""
        )
    if created:
        record_administration(
            tool.server.team, "tool definition seen", actor=GATEWAY, now=now, tool=tool.exposed_name, tool_digest=digest
        )


def _note(tool: Tool, what: str, now: datetime, **fields: Any) -> None:
    Tool.objects.filter(pk=tool.pk).update(**fields)
    for name, value in fields.items():
        setattr(tool, name, value)
    record_administration(
        tool.server.team, what, actor=GATEWAY, now=now, tool=tool.exposed_name, tool_digest=tool.offered_digest
    )


def _tool_to_decide(version: ToolVersion, by: User | None) -> Tool:
    """The tool, as nobody else changes its definition before the transaction ends. Raises NotAllowed.

    `by` is None for the gateway itself.
    """
    take_turn(Team.objects.get(tool_servers__tools=version.tool_id).pk)
    tool = Tool.objects.select_related("server__team").get(pk=version.tool_id)
    team = tool.server.team
    if by is not None and not can_halt(by, team):
        raise NotAllowed(f"Only reviewers, operators and admins of {team} decide on the definitions of its tools.")
    return tool


def _decide(version: ToolVersion, verdict: DefinitionVerdict, reason: str, by: User | None, now: datetime) -> None:
    fields = {"verdict": verdict, "decided_by": by, "decided_at": now, "reason": reason.strip()[:500]}
    ToolVersion.objects.filter(pk=version.pk).update(**fields)
    for name, value in fields.items():
        setattr(version, name, value)


def _exposed_name(server: ToolServer, name: str) -> str:
    """`server__tool` in the letters every client takes, unique in the team; built-in tools keep their own names."""
    wanted = re.sub(r"[^A-Za-z0-9_-]", "_", f"{server.slug}__{name}" if server.is_remote else name)
    taken = Tool.objects.filter(server__team_id=server.team_id)
    if len(wanted) > MAX_EXPOSED_NAME or taken.filter(exposed_name=wanted).exists():
        mark = hashlib.sha256(f"{server.slug}\0{name}".encode()).hexdigest()[:8]
        wanted = f"{wanted[: MAX_EXPOSED_NAME - 9]}_{mark}"
    return wanted


def _usable(
    server: ToolServer, definitions: Iterable[ToolDefinition]
) -> tuple[dict[str, tuple[str, dict[str, Any]]], list[str]]:
    """Name → digest and body of what can be used, and what is wrong with the rest."""
    offered: dict[str, tuple[str, dict[str, Any]]] = {}
    problems: list[str] = []
    for number, definition in enumerate(definitions, start=1):
        if number > MAX_TOOLS:
            raise LimitExceeded(f"{server} offers more than {MAX_TOOLS} tools, which is the limit.")
        try:
            offered[_checked_name(definition.name)] = (digest_of(definition.as_json()), definition.as_json())
        except GovernanceError as error:
            problems.append(str(error))
    return offered, problems


def _checked_name(name: str) -> str:
    if not 1 <= len(name) <= 128:
        raise LimitExceeded(f"A tool's name has {len(name)} characters; 1 to 128 are possible.")
    return name


def _actor(by: User | None) -> str:
    return reviewer_actor(by) if by else GATEWAY
