"""What administrators write about a tool server's read-only tools: which one knows the name behind an id (resolvers),
and which one tells what a call would change (previews). Read and checked here; asked in governance/insight.py.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from governance.errors import InvalidArguments
from governance.models import Tool, ToolServer
from governance.policy.patterns import BadPattern, Pattern
from governance.toolservers import ToolResult

MAX_RESOLVERS = 10
MAX_PATTERN_CHARS = 200
MAX_POINTER_CHARS = 200
MAX_LABEL_CHARS = 60
MAX_CHANGES = 20
MAX_ID_CHARS = 100
MAX_VALUES = 100  # texts of one call's arguments that are tried
TEXT = "text"  # in place of a pointer: the answer's first text
MISSING = object()


@dataclass(frozen=True)
class Resolver:
    """Ids that match `pattern` as a whole are names to ask `tool` for; `name` points into its answer."""

    pattern: str
    tool: str
    argument: str
    name: str

    def fits(self, value: str) -> bool:
        return len(value) <= MAX_ID_CHARS and bool(_whole(self.pattern).found_in(value))


@dataclass(frozen=True)
class PreviewRule:
    """`tool` is called with the call's own arguments (a dry run), or with those that `arguments` points to.

    `before` points into its answer, `after` into the answer of a dry run, else into the call's arguments.
    """

    tool: str
    is_dry_run: bool
    arguments: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)


# -- as they were written ----------------------------------------------------------------------


def resolvers_of(written: Any) -> list[Resolver]:
    """Raises InvalidArguments, in words for the administrator."""
    if not isinstance(written, list) or len(written) > MAX_RESOLVERS:
        raise InvalidArguments(_("Resolvers are a list of at most %(most)d objects.") % {"most": MAX_RESOLVERS})
    return [_resolver(entry) for entry in written]


def _resolver(entry: Any) -> Resolver:
    if not isinstance(entry, dict) or entry.keys() != {"pattern", "tool", "argument", "name"}:
        raise InvalidArguments(_("A resolver has exactly these fields: pattern, tool, argument, name."))
    if not all(isinstance(value, str) and value for value in entry.values()):
        raise InvalidArguments(_("Every field of a resolver is a text, and none is empty."))
    resolver = Resolver(**entry)
    if len(resolver.pattern) > MAX_PATTERN_CHARS:
        raise InvalidArguments(_("A pattern has at most %(most)d characters.") % {"most": MAX_PATTERN_CHARS})
    try:
        Pattern(resolver.pattern)  # alone first: "a)|(b" would fit into the brackets of the whole
        _whole(resolver.pattern)
    except BadPattern as error:
        raise InvalidArguments(
            _("The pattern %(pattern)s cannot be used: %(why)s.") % {"pattern": resolver.pattern, "why": error}
        ) from error
    _check_pointer(resolver.name)
    return resolver


def preview_rule_of(written: Any) -> PreviewRule | None:
    """None for an empty one. Raises InvalidArguments, in words for the administrator."""
    if not written:
        return None
    if not isinstance(written, dict) or ("dry_run" in written) == ("read" in written):
        raise InvalidArguments(_('A preview names one tool: {"dry_run": "NAME"} or {"read": "NAME", …}.'))
    is_dry_run = "dry_run" in written
    kind, maps = ("dry_run", ("before", "after")) if is_dry_run else ("read", ("arguments", "before", "after"))
    if not written.keys() <= {kind, *maps}:
        raise InvalidArguments(
            _("A preview with %(kind)s knows these fields: %(fields)s.")
            % {"kind": kind, "fields": ", ".join((kind, *maps))}
        )
    if not isinstance(written[kind], str) or not written[kind]:
        raise InvalidArguments(_("The tool of a preview is named by a text."))
    found = {name: _pointers(name, written.get(name, {})) for name in maps}
    if not is_dry_run and not (found["before"] or found["after"]):
        raise InvalidArguments(_("A preview that reads says what to show: before, after or both."))
    if not found["before"]:  # short form: {"after": {"/limit": "/new_limit"}}, the key is the place before
        found["before"] = {label: label for label in found["after"] if label.startswith("/")}
    return PreviewRule(tool=written[kind], is_dry_run=is_dry_run, **found)


def _pointers(name: str, written: Any) -> dict[str, str]:
    if not isinstance(written, dict) or len(written) > MAX_CHANGES:
        raise InvalidArguments(
            _("%(field)s is an object of at most %(most)d pointers.") % {"field": name, "most": MAX_CHANGES}
        )
    for label, pointer in written.items():
        if not label or len(label) > MAX_LABEL_CHARS:
            raise InvalidArguments(_("A name has 1 to %(most)d characters.") % {"most": MAX_LABEL_CHARS})
        _check_pointer(pointer)
    return written


def _check_pointer(pointer: Any) -> None:
    if pointer == TEXT:
        return
    if not isinstance(pointer, str) or not pointer.startswith("/") or len(pointer) > MAX_POINTER_CHARS:
        raise InvalidArguments(
            _("A place is a JSON pointer such as /customer/name, or the word text for the answer's text.")
        )


def why_not_asked(server: ToolServer, name: str) -> str:
    """Why this tool cannot be named here, in words; empty when it can. That it runs now is seen when it is asked."""
    tool = Tool.objects.filter(server_id=server.pk, name=name).first() if server.pk is not None else None
    if tool is None:
        return _("This server offers no tool %(tool)s. Read its tools first.") % {"tool": name}
    if not tool.digest:
        return _("%(tool)s was never accepted.") % {"tool": name}
    if not tool.is_read_only:
        return _("%(tool)s does not say that it only reads (readOnlyHint).") % {"tool": name}
    return ""


# -- in use -----------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _whole(pattern: str) -> Pattern:
    return Pattern(rf"\A(?:{pattern})\z")


def texts_in(arguments: Any) -> Iterator[str]:
    """The short, printable texts among the values of a call's arguments, at most MAX_VALUES, outermost first."""
    waiting, found = [arguments], 0
    while waiting and found < MAX_VALUES:
        value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += list(value.values())[:MAX_VALUES]
        elif isinstance(value, list):
            waiting += value[:MAX_VALUES]
        elif isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARS and value.isprintable():
            found += 1
            yield value


def document_of(result: ToolResult) -> Any:
    """What pointers point into: the structured content, else the first text when that is JSON."""
    if result.structured is not None:
        return result.structured
    try:
        return json.loads(first_text(result))
    except ValueError:
        return None


def first_text(result: ToolResult) -> str:
    blocks = (block.get("text") for block in result.content if block.get("type") == "text")
    return next((text for text in blocks if isinstance(text, str)), "")


def found_in(result: ToolResult, pointer: str) -> Any:
    """The value at the place, or MISSING."""
    return (first_text(result) or MISSING) if pointer == TEXT else at_pointer(document_of(result), pointer)


def at_pointer(document: Any, pointer: str) -> Any:
    """The value that an RFC 6901 pointer names, or MISSING."""
    if not pointer.startswith("/"):
        return MISSING
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and re.fullmatch(r"0|[1-9]\d{0,5}", step) and int(step) < len(document):
            document = document[int(step)]
        else:
            return MISSING
    return document
