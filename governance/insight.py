"""The seam to what tool servers know beside a call: names behind ids, and what the call would change.

Nothing here changes or decides anything, and nothing that fails here keeps a person from deciding: failures are words.
Built-in servers answer from their tables; of remote ones only tools are asked that are read-only, accepted and running,
within READ_SECONDS, with evidence of each read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from governance.actions.read import record_look_up
from governance.characters import visible
from governance.errors import GovernanceError, InvalidArguments, NotAllowed
from governance.lookups import (
    MAX_CHANGES,
    MISSING,
    PreviewRule,
    Resolver,
    at_pointer,
    first_text,
    found_in,
    preview_rule_of,
    resolvers_of,
    texts_in,
)
from governance.models import EntityName, GovernanceRequest, Tool, ToolServer, User
from governance.toolservers import Preview, PreviewedChange, ToolResult, ToolServerBackend, backend_of
from governance.wording import value_in_words

READ_SECONDS = 2.0
MAX_NAME_CHARS = 200
MAX_SAID_CHARS = 2_000


# -- names ------------------------------------------------------------------------------------


def ids_in(server: ToolServer, arguments: Mapping[str, Any]) -> set[str]:
    """The values that may be ids of something with a name, by what the server can look up."""
    if _has_names(server):
        return set(texts_in(arguments))
    resolvers = _resolvers(server)
    return {value for value in texts_in(arguments) if _resolver_for(resolvers, value)} if resolvers else set()


def names_for(server: ToolServer, values: Iterable[str]) -> dict[str, str]:
    """Id → name, as far as it is known now; one query, never the network."""
    wanted = sorted(set(values))
    if not wanted:
        return {}
    if _has_names(server):
        return backend_of(server).names(wanted)
    rows = EntityName.objects.filter(server_id=server.pk, value__in=wanted).exclude(name="")
    return dict(rows.values_list("value", "name"))


def foreseen(server: ToolServer, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What the server's tables say about how calls would end, one dict each; one query.

    {"until": date}, {"refused": True} or empty: nobody can say.
    """
    if server.is_remote or not calls:
        return [{} for _call in calls]
    backend = backend_of(server)
    return backend.foreseen(calls) if hasattr(backend, "foreseen") else [{} for _call in calls]


def look_up_name(server: ToolServer, value: str, *, seconds: float = READ_SECONDS) -> str:
    """Asks the server for the name behind an id: the network. Empty when it knows none.

    Raises GovernanceError when it could not be asked.
    """
    resolver = _resolver_for(resolvers_of(server.resolvers), value)
    if resolver is None:
        return ""
    tool = record_look_up(server=server, tool_name=resolver.tool, what="name looked up", value=value)
    result = _read(tool, {resolver.argument: value}, seconds)
    name = MISSING if result.is_error else found_in(result, resolver.name)
    return visible(" ".join(name.split()))[:MAX_NAME_CHARS] if isinstance(name, str) else ""


def _has_names(server: ToolServer) -> bool:
    """Of remote ones it is known that they have none, without opening their secrets."""
    return not server.is_remote and hasattr(backend_of(server), "names")


def _resolvers(server: ToolServer) -> list[Resolver]:
    try:
        return resolvers_of(server.resolvers) if server.resolvers else []
    except InvalidArguments:  # not written by the form
        return []


def _resolver_for(resolvers: list[Resolver], value: str) -> Resolver | None:
    return next((resolver for resolver in resolvers if resolver.fits(value)), None)


# -- before and after --------------------------------------------------------------------------


def preview_of(
    request: GovernanceRequest, arguments: Mapping[str, Any] | None = None, *, by: User | None = None
) -> Preview:
    """What the call would change if it ran now, with these arguments or its own. May take READ_SECONDS."""
    tool = request.tool
    given = request.arguments if arguments is None else arguments
    try:
        found = _preview(request, tool, given, by)
    except GovernanceError as error:
        found = Preview(problem=_("What would change cannot be told now: %(why)s") % {"why": error})
    words = tool.reversibility or found.reversibility or _by_its_hints(tool)
    return Preview(**{**vars(found), "reversibility": words})


def is_told_at_once(tool: Tool) -> bool:
    """Whether `preview_of` asks no other tool: from our own tables, or there is nothing to tell."""
    return not tool.preview


def _preview(
    request: GovernanceRequest, tool: Tool, arguments: Mapping[str, Any], by: User | None
) -> Preview:
    rule = preview_rule_of(tool.preview)
    if rule is not None:
        return _asked(request, rule, arguments, by)
    if not tool.server.is_remote and hasattr(backend := backend_of(tool.server), "preview"):
        return backend.preview(tool.name, arguments)
    return Preview()


def _asked(
    request: GovernanceRequest, rule: PreviewRule, arguments: Mapping[str, Any], by: User | None
) -> Preview:
    server = request.tool.server
    sent = dict(arguments) if rule.is_dry_run else _taken(arguments, rule.arguments)
    tool = record_look_up(server=server, tool_name=rule.tool, what="preview read", by=by, request=request)
    result = _read(tool, sent, READ_SECONDS)
    if result.is_error:
        said = value_in_words(first_text(result))
        if rule.is_dry_run:
            return Preview(warning=_("The dry run was refused: %(why)s") % {"why": said}, source=tool.exposed_name)
        return Preview(
            problem=_("What is there now could not be read: %(why)s") % {"why": said}, source=tool.exposed_name
        )
    changes = _changes(rule, result, arguments) if rule.before or rule.after else _told_changes(result)
    said = "" if changes else first_text(result)[:MAX_SAID_CHARS]
    return Preview(changes=tuple(changes), said=said, source=tool.exposed_name)


def _taken(arguments: Mapping[str, Any], pointers: Mapping[str, str]) -> dict[str, Any]:
    found = {name: at_pointer(arguments, pointer) for name, pointer in pointers.items()}
    return {name: value for name, value in found.items() if value is not MISSING}


def _changes(rule: PreviewRule, result: ToolResult, arguments: Mapping[str, Any]) -> list[PreviewedChange]:
    """What changes first, then by name. An `after` that the call does not name stays as it is."""
    changes = []
    for label in {**rule.before, **rule.after}:
        before = found_in(result, rule.before[label]) if label in rule.before else MISSING
        after = MISSING
        if label in rule.after:
            place = rule.after[label]
            after = found_in(result, place) if rule.is_dry_run else at_pointer(arguments, place)
        if before is MISSING and after is MISSING:
            continue
        after = before if after is MISSING else after
        changes.append(PreviewedChange(label.rpartition("/")[2], _shown(before), _shown(after)))
    return sorted(changes, key=lambda change: (not change.is_change, change.label))


def _told_changes(result: ToolResult) -> list[PreviewedChange]:
    """A dry run that answers {"changes": [{"label", "before", "after"}, …]} needs no pointers."""
    told = at_pointer(result.structured, "/changes")
    rows = told if isinstance(told, list) else []
    return [
        PreviewedChange(_shown(row["label"]), _shown(row.get("before")), _shown(row.get("after")))
        for row in rows[:MAX_CHANGES] if isinstance(row, dict) and isinstance(row.get("label"), str)
    ]


def _shown(value: Any) -> str:
    if value is MISSING:
        return "–"
    return value_in_words(json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value)


def _by_its_hints(tool: Tool) -> str:
    if tool.is_read_only:
        return _("Reads only, says its tool server.")
    if tool.annotations.get("destructiveHint") is False:
        return _("Adds without overwriting or removing, says its tool server. Nobody has said how to take it back.")
    return _("Nobody has said whether this can be taken back.")


def _read(tool: Tool, arguments: Mapping[str, Any], seconds: float) -> ToolResult:
    backend: ToolServerBackend = backend_of(tool.server)
    if not hasattr(backend, "read"):
        raise NotAllowed(_("This kind of tool server cannot be asked."))
    return backend.read(tool.name, arguments, seconds=seconds)
