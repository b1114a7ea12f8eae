"""A form for the arguments of a call, drawn from the tool's JSON schema.

What cannot be drawn becomes a JSON field for that part. A field that nobody touched keeps its exact value: what comes
back is compared with what was shown, and only a difference is read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from governance.changes import ABSENT
from governance.characters import hidden_characters, visible
from governance.definitions import step
from reviews.schema_parts import ANY, Part, part_of
from reviews.schema_values import Unreadable, is_date, read_json, read_number

MAX_LEVELS = 4  # of groups within groups; what is deeper is one JSON field
MAX_FIELDS = 250
MAX_CHOICES = 200
LONG_TEXT = 80  # characters; longer ones get several lines


@dataclass
class Field:
    """One control, or a group of them. `path` is a JSON pointer, `original` the value in the call or ABSENT.

    Kinds: text, lines (several lines of text), number, integer, date, choice, list (one value per line), json, fixed
    (one value allowed, shown only) and group.
    """

    path: str
    key: str
    kind: str
    part: Part
    original: Any
    required: bool = False
    text: str = ""
    error: str = ""
    choices: list[tuple[str, str]] = field(default_factory=list)
    children: list["Field"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The control's name: the path in letters that survive every form encoding."""
        return "a" + quote(self.path, safe="/")

    @property
    def id(self) -> str:
        return "edit" + re.sub(r"[^A-Za-z0-9]", lambda match: f"_{ord(match[0]):x}_", self.path)

    @property
    def label(self) -> str:
        return visible(self.part.title or self.key)

    @property
    def hint(self) -> str:
        return visible(self.part.description)

    @property
    def shows_key(self) -> bool:
        return bool(self.part.title) and self.part.title != self.key

    @property
    def is_absent(self) -> bool:
        return self.original is ABSENT

    @property
    def is_wrong(self) -> bool:
        """An error here or somewhere inside."""
        return bool(self.error) or any(child.is_wrong for child in self.children)

    @property
    def empty_means(self) -> str:
        """What an empty control sends; empty where that needs no words."""
        if self.kind in ("group", "choice", "fixed"):
            return ""
        if self.part.nullable and not self.is_absent:
            return _("Empty: null.")
        if self.required or self.kind == "list":
            return ""
        if (default := self.part.schema.get("default", ABSENT)) is not ABSENT:
            return _("Empty: left out; the tool takes %(value)s.") % {"value": visible(as_json(default))[:80]}
        return _("Empty: left out.")

    @property
    def limits(self) -> str:
        """The bounds in words."""
        low, high = self.part.schema.get("minimum"), self.part.schema.get("maximum")
        if self.kind in ("number", "integer") and (low is not None or high is not None):
            if low is not None and high is not None:
                return _("From %(low)s to %(high)s.") % {"low": low, "high": high}
            return _("At least %(low)s.") % {"low": low} if low is not None else _("At most %(high)s.") % {"high": high}
        return _("One per line.") if self.kind == "list" else ""

    @property
    def max_length(self) -> int | None:
        length = self.part.schema.get("maxLength")
        return length if self.kind in ("text", "lines") and type(length) is int and length >= len(self.text) else None


@dataclass
class SchemaForm:
    """The whole form: `fields` as drawn, `error` for what belongs to no field."""

    fields: list[Field]
    original: Mapping[str, Any]
    error: str = ""

    def all_fields(self) -> Iterator[Field]:
        waiting = list(reversed(self.fields))
        while waiting:
            one = waiting.pop()
            yield one
            waiting.extend(reversed(one.children))

    @property
    def is_wrong(self) -> bool:
        return bool(self.error) or any(one.error for one in self.all_fields())

    def read(self, data: Mapping[str, str]) -> dict[str, Any]:
        """The arguments as they were typed; what cannot be read is an error at its field and stays as it was."""
        result: dict[str, Any] = {}
        for one in self.fields:
            value = _read(one, data)
            if value is not ABSENT:
                result[one.key] = value
        # In the order of the call; what came new stands at the end.
        order = [*self.original, *(key for key in result if key not in self.original)]
        return {key: result[key] for key in order if key in result}

    def place(self, path: str, message: str) -> None:
        """Puts a message at the field of this path, or at the nearest one around it."""
        fields = {one.path: one for one in self.all_fields()}
        while path and path not in fields:
            path = path.rpartition("/")[0]
        if path in fields:
            fields[path].error = fields[path].error or message
        else:
            self.error = self.error or message


def schema_form(schema: Mapping[str, Any], original: Mapping[str, Any], shown: Mapping[str, Any]) -> SchemaForm:
    """The form of `original`, its controls filled with `shown` (the same, or an edit that is edited further)."""
    top = part_of(schema, schema)
    drawn = _Drawing(schema)
    return SchemaForm(drawn.members(top, "", original, shown, 0), original)


class _Drawing:
    """Counts the fields as it goes, so that a huge schema cannot make a huge page."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root, self.left = root, MAX_FIELDS

    def members(self, part: Part, path: str, original: Any, shown: Any, level: int) -> list[Field]:
        properties = part.schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = part.schema.get("required")
        required = {str(name) for name in required} if isinstance(required, list) else set()
        original = original if isinstance(original, Mapping) else {}
        shown = shown if isinstance(shown, Mapping) else {}
        keys = self._fitting(
            [*properties, *(key for key in {**original, **shown} if key not in properties)],
            needed={*original, *shown, *required},
        )
        return [
            self.one(
                part_of(properties[key], self.root) if key in properties else ANY, f"{path}/{step(key)}", key,
                original.get(key, ABSENT), shown.get(key, ABSENT), key in required, level,
            )
            for key in keys
        ]

    def _fitting(self, keys: list[str], needed: set[str]) -> list[str]:
        """Optional arguments that are not there are left out when there are too many."""
        room = max(0, self.left - len(needed))
        spare = set([key for key in keys if key not in needed][room:])
        return [key for key in keys if key not in spare]

    def one(
        self, part: Part, path: str, key: str, original: Any, shown: Any, required: bool, level: int
    ) -> Field:
        self.left -= 1
        kind = "json" if self.left <= 0 else _kind(part, shown, original, level)
        if kind == "group" and len(part.schema.get("properties") or ()) > self.left:
            kind = "json"
        made = Field(path, key, kind, part, original, required)
        if kind == "group":
            made.children = self.members(part, path, original, shown, level + 1)
        elif kind == "choice":
            made.choices = _choices(made, shown)
        made.text = shown_as(made, shown)
        return made


def _kind(part: Part, shown: Any, original: Any, level: int) -> str:
    """How it is drawn. Whatever value is there, or was there, must be one that this control can show exactly."""
    values = [value for value in (shown, original) if value is not ABSENT and not (value is None and part.nullable)]
    if "const" in part.schema:
        return "fixed" if all(_same(value, part.schema["const"]) for value in values) else "json"
    if part.choices is not None:
        return "choice" if len(part.choices) <= MAX_CHOICES else "json"
    kind = part.type or _type_of(values[0] if values else ABSENT)
    if kind == "object":
        fits = level < MAX_LEVELS and all(isinstance(value, dict) for value in values)
        return "group" if fits and not part.nullable and (part.schema.get("properties") or any(values)) else "json"
    if kind == "string" and all(_is_plain_text(value) for value in values):
        return _text_kind(part, values)
    if kind in ("integer", "number") and all(_is_number(value, kind) for value in values):
        return kind
    if kind == "boolean" and all(type(value) is bool for value in values):
        return "choice"
    if kind == "array" and part.item is not None and all(_is_plain_list(value, part.item) for value in values):
        return "list"
    return "json"


def _type_of(value: Any) -> str:
    """The type of a value that no schema describes: it keeps it."""
    if type(value) is bool:
        return "boolean"
    names = {str: "string", int: "number", float: "number"}
    return names.get(type(value), "")


def _is_plain_text(value: Any) -> bool:
    return type(value) is str and not hidden_characters(value) and "\r" not in value


def _text_kind(part: Part, values: list[str]) -> str:
    if part.schema.get("format") == "date" and all(is_date(value) for value in values):
        return "date"
    length = part.schema.get("maxLength")
    is_long = any(len(value) > LONG_TEXT or "\n" in value for value in values)
    return "lines" if is_long or (type(length) is int and length > LONG_TEXT * 2) else "text"


def _is_number(value: Any, kind: str) -> bool:
    return type(value) is int or (kind == "number" and type(value) is float)


def _is_plain_list(value: Any, item: str) -> bool:
    if not isinstance(value, list):
        return False
    if item == "string":
        return all(_is_plain_text(each) and each.strip() == each != "" and "\n" not in each for each in value)
    return all(_is_number(each, item) for each in value)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


# -- showing and reading --------------------------------------------------------------------


def as_json(value: Any) -> str:
    """On one line, with every hidden character as \\uXXXX."""
    return json.dumps(value, ensure_ascii=bool(hidden_characters(json.dumps(value, ensure_ascii=False))))


def shown_as(one: Field, value: Any) -> str:
    """The text of the control for this value."""
    if one.kind == "choice":
        return next((mark for mark, other in _valued(one) if _same(other, value)), as_json_mark(value))
    if value is ABSENT or one.kind == "group" or (value is None and one.part.nullable):
        return ""
    if one.kind == "json":
        hidden = hidden_characters(json.dumps(value, ensure_ascii=False))
        return json.dumps(value, ensure_ascii=bool(hidden), indent=2)
    if one.kind == "list":
        return "\n".join(each if isinstance(each, str) else json.dumps(each) for each in value)
    return value if isinstance(value, str) else json.dumps(value)


def as_json_mark(value: Any) -> str:
    return "" if value is ABSENT else f"={as_json(value)}"


def _valued(one: Field) -> list[tuple[str, Any]]:
    """The values that a choice offers, each with its mark."""
    values = list(one.part.choices) if one.part.choices is not None else [True, False]
    if one.part.nullable and None not in values:
        values.append(None)
    return [(as_json_mark(value), value) for value in values]


def _choices(one: Field, shown: Any) -> list[tuple[str, str]]:
    offered = [(mark, _choice_label(value)) for mark, value in _valued(one)]
    marks = {mark for mark, _label in offered}
    for value in (one.original, shown):  # a value that the schema does not allow is kept, and shown
        if value is not ABSENT and as_json_mark(value) not in marks:
            offered.append((as_json_mark(value), _choice_label(value)))
            marks.add(as_json_mark(value))
    absent = [] if one.required and one.original is not ABSENT and shown is not ABSENT else [("", _("left out"))]
    return [*absent, *offered]


def _choice_label(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return visible(value)[:200]
    return visible(as_json(value))[:200]


def _read(one: Field, data: Mapping[str, str]) -> Any:
    if one.kind == "group":
        return _read_group(one, data)
    typed = data.get(one.name)
    if typed is None or one.kind == "fixed":
        return one.original
    typed = typed.replace("\r\n", "\n")
    one.text = typed
    if typed == shown_as(one, one.original):
        return one.original
    try:
        return _parsed(one, typed)
    except Unreadable as problem:
        one.error = str(problem)
        return one.original


def _read_group(one: Field, data: Mapping[str, str]) -> Any:
    members = {child.key: value for child in one.children if (value := _read(child, data)) is not ABSENT}
    if one.original is ABSENT and not members:
        return ABSENT
    order = [*(one.original if isinstance(one.original, Mapping) else {}), *members]
    return {key: members[key] for key in dict.fromkeys(order) if key in members}


def _parsed(one: Field, typed: str) -> Any:
    if one.kind == "choice":
        return _chosen(one, typed)
    if one.kind == "list":
        return _read_list(one, typed)
    if not typed.strip():
        return _nothing(one, typed)
    if one.kind in ("number", "integer"):
        return read_number(typed.strip(), one.kind)
    if one.kind == "date" and not is_date(typed.strip()):
        raise Unreadable(_("Write a date as YYYY-MM-DD."))
    return read_json(typed) if one.kind == "json" else typed


def _nothing(one: Field, typed: str) -> Any:
    """What an empty control stands for."""
    if one.part.nullable and one.original is not ABSENT:
        return None
    if not one.required:
        return ABSENT
    if one.kind in ("text", "lines"):
        return typed
    raise Unreadable(_("This is needed."))


def _chosen(one: Field, typed: str) -> Any:
    if typed == "":
        if one.required:
            raise Unreadable(_("This is needed."))
        return ABSENT
    values = [*_valued(one), (as_json_mark(one.original), one.original)]
    for mark, value in values:
        if mark == typed:
            return value
    raise Unreadable(_("Choose one of the list."))


def _read_list(one: Field, typed: str) -> Any:
    lines = [line.strip() for line in typed.split("\n") if line.strip()]
    if not lines and one.part.nullable:
        return None
    if not lines and one.original is ABSENT and not one.required:
        return ABSENT
    return lines if one.part.item == "string" else [read_number(line, one.part.item) for line in lines]
