"""What a call would do, in one sentence. Pure functions over plain values; a sentence is a list of parts.

Known tools have a template, which applies only while every value in it is what it must be (an id, a number, a date):
text that an agent chose never flows into the words around it. Everything else is named and quoted as it is.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from governance.characters import visible

MAX_VALUE_CHARS = 60
MAX_VALUES = 3

_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Part:
    """A run of words. `kind` is "" (plain), "who", "what" (stands out) or "code"."""

    text: str
    kind: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Sentence:
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return "".join(part.text for part in self.parts)

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts)


def sentence(*, agent: str, tool: str, server_kind: str, arguments: Mapping[str, Any]) -> Sentence:
    """`demo-agent wants to extend the payment of BEN-123 by 14 days`"""
    template = _TEMPLATES.get((server_kind, tool))
    words = template(arguments) if template else None
    return Sentence((Part(visible(agent), "who"), Part(" wants to "), *(words or _generic(tool, arguments))))


def _id(value: Any) -> Part | None:
    return Part(value, "what") if isinstance(value, str) and _ID.fullmatch(value) else None


def _days(value: Any) -> Part | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000:
        return Part(f"{value} day" if value == 1 else f"{value} days", "what")
    return None


def _extend(arguments: Mapping[str, Any]) -> list[Part] | None:
    who = _id(arguments.get("beneficiary_id"))
    days = _days(arguments.get("days"))
    if not who or ("days" in arguments and not days) or not arguments.keys() <= {"beneficiary_id", "days", "reason"}:
        return None
    words = [Part("extend the payment of "), who]
    return [*words, Part(" by "), days] if days else words


def _look_up(arguments: Mapping[str, Any]) -> list[Part] | None:
    who = _id(arguments.get("beneficiary_id"))
    if not who or arguments.keys() != {"beneficiary_id"}:
        return None
    return [Part("look up the payments of "), who]


def _modify(arguments: Mapping[str, Any]) -> list[Part] | None:
    """One `field` and its `new_value`; anything else is listed as it is."""
    who = _id(arguments.get("beneficiary_id"))
    if not who:
        return None
    rest = {name: value for name, value in arguments.items() if name not in ("beneficiary_id", "reason")}
    names_one_field = rest.keys() == {"field", "new_value"} and isinstance(rest["field"], str)
    changes = {rest["field"]: rest["new_value"]} if names_one_field else rest
    if not changes:
        return None
    return [Part("change the welfare record of "), who, Part(": "), *_values(changes, " to ")]


_TEMPLATES: dict[tuple[str, str], Callable[[Mapping[str, Any]], list[Part] | None]] = {
    ("welfare", "check_payment_status"): _look_up,
    ("welfare", "request_extension"): _extend,
    ("welfare", "request_payment_extension"): _extend,
    ("welfare", "modify_welfare_record"): _modify,
}


def _generic(tool: str, arguments: Mapping[str, Any]) -> list[Part]:
    words = [Part("call "), Part(visible(tool), "code")]
    return [*words, Part(" with "), *_values(arguments, " = ")] if arguments else [*words, Part(" without arguments")]


def _values(values: Mapping[str, Any], between: str) -> list[Part]:
    parts: list[Part] = []
    for name, value in list(values.items())[:MAX_VALUES]:
        parts += [
            *([Part(", ")] if parts else []), Part(name if _ID.fullmatch(name) else short(quoted(name))),
            Part(between), Part(short(quoted(value)), "what"),
        ]
    if len(values) > MAX_VALUES:
        parts.append(Part(f" and {len(values) - MAX_VALUES} more"))
    return parts


def quoted(value: Any) -> str:
    """A value as JSON writes it; one short line for lists and objects."""
    return json.dumps(value, ensure_ascii=False)


def short(text: str) -> str:
    text = visible(" ".join(text.split()))
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"
