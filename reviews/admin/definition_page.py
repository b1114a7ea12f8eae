"""A tool's definition as its reader sees it: texts with their marks, parameters as a list, what differs, what loosens.

Plain values for the templates _definition.html and definition.html; reads no rows and decides nothing. Whatever cannot
be seen is spelled out. Definitions come from strangers: every list here is bounded, and says so when it was cut.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from governance.characters import hidden_runs, name_of, spelled, visible
from governance.definitions import Change, Piece, difference, pinned, step
from governance.inspection import MAX_EXCERPT_CHARS, Finding, Kind, inspect

MAX_SEGMENTS = 2_000  # of one text
MAX_PARAMETERS = 200
MAX_LEVELS = 6
MAX_SHORT = 300  # characters of a limit
LONG_SAME = 600  # an unchanged stretch longer than this is folded
KEPT_SAME = 200  # what stays to be seen on either side of the fold

KINDS = {
    Kind.HIDDEN: "Hidden characters", Kind.LOOKALIKE: "Lookalike letters", Kind.PADDING: "Hiding white space",
    Kind.INSTRUCTION: "Instruction to the agent", Kind.SENSITIVE: "Names where secrets are",
    Kind.ENCODED: "Encoded text", Kind.LINK: "Doubtful address", Kind.UNREAD: "Not inspected",
}

# What each hint says, what counts when it is left out, and the value that gives the tool more room.
HINTS = {
    "readOnlyHint": (False, True, "It says that it changes nothing. Rules that allow read-only tools let it through."),
    "destructiveHint": (True, False, "It says that it destroys nothing. Rules for destructive tools pass it over."),
    "idempotentHint": (False, True, "It says that it may run twice. After a crash in mid-call it runs again."),
    "openWorldHint": (True, False, "It says that it reaches nothing outside. Rules for the open world pass it over."),
}


@dataclass(frozen=True)
class Segment:
    """A stretch of text: `is_marked` by a finding, `hidden` names what it spells out."""

    text: str
    is_marked: bool = False
    hidden: str = ""


@dataclass(frozen=True)
class Mark:
    """A finding in words for the reader. `excerpt` tells whether there is a place to show."""

    label: str
    meaning: str
    where: str
    before: str
    found: str
    after: str
    excerpt: bool


@dataclass(frozen=True)
class Text:
    """One text of the definition with its marks, and what they mean."""

    label: str
    segments: tuple[Segment, ...]
    findings: tuple[Mark, ...]


@dataclass(frozen=True)
class Parameter:
    """One place of a schema. `name` is its path: rows[].amount"""

    name: str
    type: str
    is_required: bool
    description: Text
    limits: str


@dataclass(frozen=True)
class Part:
    """A piece of a changed text, its spelled-out characters apart. `folded` is what is hidden behind a click."""

    kind: str
    segments: tuple[Segment, ...]
    folded: str = ""


@dataclass(frozen=True)
class Difference:
    place: str
    pointer: str
    verb: str
    parts: tuple[Part, ...]
    note: str
    findings: tuple[Mark, ...]


@dataclass(frozen=True)
class Loosening:
    """A hint that gives the tool more room than before, or than the protocol's default."""

    name: str
    before: str
    after: str
    meaning: str


@dataclass(frozen=True)
class DefinitionPage:
    texts: tuple[Text, ...]
    parameters: tuple[Parameter, ...]
    results: tuple[Parameter, ...]
    is_cut: bool
    annotations: tuple[tuple[str, str, bool], ...]  # name, value, whether it stands in the definition
    elsewhere: tuple[Mark, ...]
    counts: tuple[tuple[str, int], ...]
    differences: tuple[Difference, ...]
    loosened: tuple[Loosening, ...]
    raw: str
    is_new: bool

    @property
    def has_marks(self) -> bool:
        return bool(self.counts)

    @property
    def needs_a_reason(self) -> bool:
        return self.has_marks or bool(self.loosened)


def page_of(
    definition: Mapping[str, Any], accepted: Mapping[str, Any] | None, *, compare: bool = True
) -> DefinitionPage:
    """`accepted`: the definition that counts now; None when there is none, or this is it.

    Takes up to 1.5 s for 64 KiB of hidden characters; a third of it without the texts' comparison.
    """
    findings = inspect(definition)
    marks = _Marks(findings)
    whole = pinned(definition)
    texts = tuple(
        marks.text(label, f"/{field}", whole[field])
        for label, field in (("Name", "name"), ("Title", "title"), ("Description", "description"))
        if isinstance(whole[field], str) and whole[field]
    )
    parameters = _first(_parameters(whole["inputSchema"], "/inputSchema", marks))
    results = _first(_parameters(whole["outputSchema"], "/outputSchema", marks))
    changes = difference(accepted, definition) if accepted and compare else []
    before = accepted.get("annotations") if accepted else {}
    return DefinitionPage(
        texts=texts, parameters=parameters[:MAX_PARAMETERS], results=results[:MAX_PARAMETERS],
        is_cut=max(len(parameters), len(results)) > MAX_PARAMETERS,
        annotations=tuple(_annotations(whole["annotations"])),
        elsewhere=tuple(_mark(finding) for finding in findings if id(finding) not in marks.shown),
        counts=tuple((KINDS[kind], count) for kind, count in Counter(found.kind for found in findings).items()),
        differences=tuple(_difference(change, findings) for change in changes),
        loosened=tuple(_loosened(before, whole["annotations"])),
        raw=visible(json.dumps(definition, indent=2, ensure_ascii=False)), is_new=accepted is None,
    )


def marks_of(definition: Mapping[str, Any]) -> list[str]:
    """How many marks of which kind, for a list."""
    counts = Counter(finding.kind for finding in inspect(definition))
    return [f"{KINDS[kind]}{f' ×{count}' if count > 1 else ''}" for kind, count in counts.items()]


def _mark(finding: Finding) -> Mark:
    return Mark(
        KINDS[finding.kind], finding.meaning, finding.where, finding.before, finding.found, finding.after,
        excerpt=bool(finding.found),
    )


class _Marks:
    """The findings by their place; remembers which were shown beside their text."""

    def __init__(self, findings: list[Finding]) -> None:
        self._at: dict[str, list[Finding]] = {}
        self.shown: set[int] = set()
        for finding in findings:
            self._at.setdefault(finding.where, []).append(finding)

    def text(self, label: str, pointer: str, text: str) -> Text:
        found = self._at.get(pointer, [])
        self.shown |= set(map(id, found))
        return Text(label, tuple(segments(text, found)), tuple(map(_mark, found)))


def segments(text: str, findings: list[Finding]) -> Iterator[Segment]:
    """The text cut where a mark or something hidden begins or ends, in order. At most MAX_SEGMENTS, then the rest."""
    marked = _merged((found.start, found.start + found.length) for found in findings if found.length)
    hidden = [(run.start, run.start + len(run.text)) for run in hidden_runs(text)]
    cuts = sorted({0, len(text), *(place for span in (*marked, *hidden) for place in span if place < len(text))})
    in_mark, in_hidden = _Inside(marked), _Inside(hidden)
    for count, (start, end) in enumerate(pairwise(cuts)):
        if count == MAX_SEGMENTS:
            yield Segment(visible(text[start:]), True)
            return
        piece = text[start:end]
        if in_hidden.at(start):
            names = ", ".join(name_of(char) for char in dict.fromkeys(piece[:MAX_EXCERPT_CHARS]))
            yield Segment(spelled(piece), in_mark.at(start), names[:MAX_SHORT])
        else:
            yield Segment(piece, in_mark.at(start))


class _Inside:
    """Asked for rising places: whether they lie in one of these spans, which do not overlap."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._spans, self._next = spans, 0

    def at(self, place: int) -> bool:
        while self._next < len(self._spans) and self._spans[self._next][1] <= place:
            self._next += 1
        return self._next < len(self._spans) and self._spans[self._next][0] <= place


def _merged(spans: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


# -- schemas ---------------------------------------------------------------------------------

_LIMITS = (
    ("const", "always"), ("enum", "one of"), ("default", "default"), ("minimum", "at least"), ("maximum", "at most"),
    ("exclusiveMinimum", "more than"), ("exclusiveMaximum", "less than"), ("minLength", "characters from"),
    ("maxLength", "characters to"), ("pattern", "pattern"), ("format", "format"), ("minItems", "items from"),
    ("maxItems", "items to"), ("$ref", "as"), ("anyOf", "any of"), ("oneOf", "one of these"), ("allOf", "all of"),
)


def _first(parameters: Iterator[Parameter]) -> tuple[Parameter, ...]:
    return tuple(parameter for _, parameter in zip(range(MAX_PARAMETERS + 1), parameters, strict=False))


def _parameters(schema: Any, pointer: str, marks: _Marks, path: str = "", level: int = 0) -> Iterator[Parameter]:
    """Of an object schema, the parts of its parts behind their parent. What is no schema yields nothing."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping) or level > MAX_LEVELS:
        return
    required = schema.get("required")
    for name, part in properties.items():
        place, shown = f"{pointer}/properties/{_step(name)}", f"{path}{visible(str(name)[:MAX_SHORT])}"
        part = part if isinstance(part, Mapping) else {}
        needed = isinstance(required, list) and name in required
        yield _parameter(part, place, shown, needed, marks)
        yield from _parameters(part, place, marks, f"{shown}.", level + 1)
        items = part.get("items")
        if isinstance(items, Mapping):
            yield from _parameters(items, f"{place}/items", marks, f"{shown}[].", level + 1)


def _parameter(part: Mapping[str, Any], place: str, name: str, needed: bool, marks: _Marks) -> Parameter:
    text = part.get("description")
    described = marks.text(name, f"{place}/description", text if isinstance(text, str) else "")
    kind = part.get("type", "any")
    if kind == "array" and isinstance(part.get("items"), Mapping):
        kind = f"array of {_short(part['items'].get('type', 'any'))}"
    limits = "; ".join(f"{word} {_short(part[key])}" for key, word in _LIMITS if key in part)
    return Parameter(name, _short(kind), needed, described, limits)


def _step(key: object) -> str:
    """As governance.inspection writes the places of its findings."""
    text = step(key)
    return visible(text[:MAX_EXCERPT_CHARS]) + ("…" if len(text) > MAX_EXCERPT_CHARS else "")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return visible(text if len(text) <= MAX_SHORT else f"{text[: MAX_SHORT - 1]}…")


# -- annotations -----------------------------------------------------------------------------


def _annotations(annotations: Any) -> Iterator[tuple[str, str, bool]]:
    given = annotations if isinstance(annotations, Mapping) else {}
    for name in list(dict.fromkeys([*HINTS, *given]))[:50]:
        if name in given:
            yield _short(name), _short(given[name]), True
        else:
            yield name, _short(_effective(name, given)), False


def _effective(name: str, annotations: Any) -> Any:
    """The hint as it counts: what is left out has the protocol's default."""
    given = annotations if isinstance(annotations, Mapping) else {}
    if name == "destructiveHint" and name not in given and given.get("readOnlyHint") is True:
        return False
    return given.get(name, HINTS[name][0])


def _loosened(before: Any, after: Any) -> Iterator[Loosening]:
    """Of what the new annotations say themselves; what they leave out is the stricter way, or follows from another."""
    for name, (_, loose, meaning) in HINTS.items():
        old, new = _effective(name, before), _effective(name, after)
        if isinstance(after, Mapping) and name in after and new is loose and old is not loose:
            yield Loosening(name, _short(old), _short(new), meaning)


# -- differences -----------------------------------------------------------------------------


def _difference(change: Change, findings: list[Finding]) -> Difference:
    verb = "changed" if None not in (change.old, change.new) else "added" if change.old is None else "removed"
    return Difference(
        place=_place(change.path), pointer=change.path, verb=verb if change.path else "",
        parts=tuple(_part(piece) for piece in change.pieces), note=change.note,
        findings=tuple(_mark(found) for found in findings if found.where == change.path),
    )


def _place(pointer: str) -> str:
    """/inputSchema/properties/amount/description → parameter amount, description"""
    steps = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    if steps[:2] == ["inputSchema", "properties"]:
        steps[:3] = [f"parameter {' '.join(steps[2:3])}"]
    elif steps[:2] == ["outputSchema", "properties"]:
        steps[:3] = [f"result {' '.join(steps[2:3])}"]
    return " › ".join(step for step in steps if step != "properties")


_SPELLED = re.compile(r"(\\u[0-9a-f]{4}|\\U[0-9a-f]{8})")


def _part(piece: Piece) -> Part:
    text, kept = piece.text, ""
    if piece.kind == "same" and len(text) > LONG_SAME:
        text, kept = text[:KEPT_SAME], text[KEPT_SAME:-KEPT_SAME]
        return Part("same", (*_spelled_apart(text), Segment(" … "), *_spelled_apart(piece.text[-KEPT_SAME:])), kept)
    return Part(piece.kind, tuple(_spelled_apart(text)), kept)


def _spelled_apart(text: str) -> Iterator[Segment]:
    """`difference` spells hidden characters out; here each run is named (also where a text wrote it so itself)."""
    for count, part in enumerate(_SPELLED.split(text, maxsplit=MAX_SEGMENTS)):
        if part:
            yield Segment(part, hidden=_name(part) if count % 2 else "")


def _name(part: str) -> str:
    code = int(part[2:], 16)
    return name_of(chr(code)) if code < 0x110000 else part
