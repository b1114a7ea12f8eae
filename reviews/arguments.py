"""Arguments as the card draws them: rows by type, nested ones indented, long values folded, nothing hidden."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from governance.characters import visible as shown

LONG = 280  # characters of a value before "more"
MAX_LEVELS = 4  # of objects in objects; what is deeper is written as JSON
MAX_ROWS = 300
ONE_LINE = 60


@dataclass(frozen=True)
class Argument:
    """One row. `text` has hidden characters spelled out; `start` is its first LONG. Kinds: text, code, empty, group."""

    number: int
    name: str
    kind: str
    text: str = ""
    known_as: str = ""  # what the id is called
    children: list["Argument"] = field(default_factory=list)

    @property
    def start(self) -> str:
        return self.text[:LONG]

    @property
    def is_long(self) -> bool:
        return len(self.text) > LONG or self.text.count("\n") > 8

    @property
    def id(self) -> str:
        return f"argument-{self.number}"


def arguments_of(values: Mapping[str, Any], names: Mapping[str, str]) -> list[Argument]:
    """Every argument of the call, in its order."""
    numbers = count(1)
    return [_row(name, value, names, numbers, 0) for name, value in values.items()]


def _row(name: str, value: Any, names: Mapping[str, str], numbers: Iterator[int], level: int) -> Argument:
    number = next(numbers)
    if isinstance(value, str):
        kind = "text" if value.strip() else "empty"
        return Argument(number, shown(name), kind, shown(value) or '""', shown(names.get(value, "")))
    members = _members(value)
    if members and level < MAX_LEVELS and number + len(members) < MAX_ROWS:
        children = [_row(key, member, names, numbers, level + 1) for key, member in members]
        return Argument(number, shown(name), "group", children=children)
    return Argument(number, shown(name), "code", _written(value))


def _written(value: Any) -> str:
    """As JSON: on one line while that is short."""
    line = shown(json.dumps(value, ensure_ascii=False))
    return line if len(line) <= ONE_LINE else pretty(value)


def _members(value: Any) -> list[tuple[str, Any]]:
    """What stands in rows of its own: the members of an object, and of a list that holds more than scalars."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list) and (len(value) > 1 or any(isinstance(each, dict | list) for each in value)):
        return [(str(place), each) for place, each in enumerate(value, 1)]
    return []


def pretty(value: Any) -> str:
    return shown(json.dumps(value, ensure_ascii=False, indent=2))
