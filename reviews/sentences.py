"""What a call would do, in one sentence; what approving it is called, and what it then does.

Pure functions over plain values; a sentence is a list of parts. Known tools have a template, which applies only while
every value in it is what it must be (an id, a number, a date): text that an agent chose never flows into the words
around it. Everything else is named and quoted as it is. A name stands with its id, so that a wrong one can be seen.

A sentence is translated as a whole and split at its {placeholders}: other languages have another order of words.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from governance.characters import visible
from governance.models import GovernanceRequest
from governance.wording import day_in_words

MAX_VALUE_CHARS = 60
MAX_VALUES = 3

_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_AMOUNT = re.compile(r"\d{1,7}(\.\d{1,2})?", re.ASCII)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Part:
    """A run of words. `kind` is "" (plain), "who", "what" (stands out), "id" (quiet) or "code"."""

    text: str
    kind: str = ""

    def __str__(self) -> str:
        return self.text


Parts = tuple[Part, ...]


@dataclass(frozen=True)
class Sentence:
    parts: Parts

    def __str__(self) -> str:
        return "".join(part.text for part in self.parts)

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts)


@dataclass(frozen=True)
class Wanted:
    """What a sentence is made of. `names`: id → name. Of the other two, see reviews/names.py."""

    agent: str
    tool: str
    server_kind: str
    arguments: Mapping[str, Any]
    title: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    until: date | None = None
    is_refused: bool = False


@dataclass(frozen=True)
class Told:
    """`deed`: the sentence without who wants it; `approve`: the button's words; `consequence`: what approving does."""

    sentence: Sentence
    deed: Sentence
    approve: str
    consequence: str


def sentence(*, agent: str, tool: str, server_kind: str, arguments: Mapping[str, Any], **known: Any) -> Sentence:
    """`demo-agent wants to extend the payments of BEN-123 by 14 days`. `known`: the other fields of Wanted."""
    return tell(Wanted(agent=agent, tool=tool, server_kind=server_kind, arguments=arguments, **known)).sentence


def sentence_of(row: GovernanceRequest) -> Sentence:
    return tell(call_of(row)).sentence


def deed_of(row: GovernanceRequest) -> Sentence:
    """`Extend the payments of Ada Obi (BEN-123) by 14 days`: for lists, where the agent has its own column."""
    return tell(call_of(row)).deed


def approve_label(row: GovernanceRequest) -> str:
    """`Approve and extend payment`"""
    return tell(call_of(row)).approve


def consequence(row: GovernanceRequest) -> str:
    """What approving does, in one line."""
    return tell(call_of(row)).consequence


def reject_consequence(row: GovernanceRequest) -> str:
    return _("Nothing runs. {agent} reads your reason.").format(agent=short(row.agent.name))


def call_of(row: GovernanceRequest, arguments: Mapping[str, Any] | None = None) -> Wanted:
    """Of a request whose names were attached (reviews/names.py), with its own arguments or with edited ones."""
    own = arguments is None
    return Wanted(
        agent=row.agent.name, tool=row.tool.name, title=row.tool.title, server_kind=row.tool.server.kind,
        arguments=row.arguments if own else arguments, names=getattr(row, "names", {}),
        until=getattr(row, "until", None) if own else None, is_refused=own and getattr(row, "is_refused", False),
    )


def tell(call: Wanted) -> Told:
    template = _TEMPLATES.get((call.server_kind, call.tool))
    return (template(call) if template else None) or _generic(call)


# -- the built-in welfare tools ----------------------------------------------------------------


def _extend(call: Wanted) -> Told | None:
    given = call.arguments
    who, days = _person(call), _days(given.get("days"))
    if not who or ("days" in given and not days) or not given.keys() <= {"beneficiary_id", "days", "reason"}:
        return None
    until = (Part(day_in_words(call.until), "what"),) if call.until else ()
    words, deed = {
        (True, True): (
            _("{agent} wants to extend the payments of {person} by {days}, until {date}"),
            _("Extend the payments of {person} by {days}, until {date}"),
        ),
        (True, False): (
            _("{agent} wants to extend the payments of {person} by {days}"),
            _("Extend the payments of {person} by {days}"),
        ),
        (False, True): (
            _("{agent} wants to extend the payments of {person} until {date}"),
            _("Extend the payments of {person} until {date}"),
        ),
        (False, False): (
            _("{agent} wants to extend the payments of {person}"), _("Extend the payments of {person}"),
        ),
    }[bool(days), bool(until)]
    if call.is_refused:
        after = _("As things stand the office refuses this call, and nothing changes.")
    elif until:
        after = _("Payments go on until {date}; the file of {person} keeps the reason.")
    else:
        after = _("Payments go on for longer; the file of {person} keeps the reason.")
    parts = {"person": who, "days": days, "date": until}
    return Told(
        _worded(call, words, **parts), _worded(call, deed, **parts), _("Approve and extend payment"),
        after.format(date=_plain(until), person=who[0]),
    )


def _look_up(call: Wanted) -> Told | None:
    who = _person(call)
    if not who or call.arguments.keys() != {"beneficiary_id"}:
        return None
    return Told(
        _worded(call, _("{agent} wants to look up the payments of {person}"), person=who),
        _worded(call, _("Look up the payments of {person}"), person=who),
        _("Approve and look up payments"),
        _("The agent reads the file of {person}; nothing changes.").format(person=who[0]),
    )


def _modify(call: Wanted) -> Told | None:
    """One `field` and its `new_value`; anything else is listed as it is."""
    who = _person(call)
    rest = {name: value for name, value in call.arguments.items() if name not in ("beneficiary_id", "reason")}
    if not who or not rest:
        return None
    after = _("The record changes at once; the file of {person} keeps the value before.").format(person=who[0])
    if rest.keys() == {"field", "new_value"} and isinstance(rest["field"], str):
        known = _FIELDS.get(rest["field"])
        label = str(known[0]) if known else quoted_short(rest["field"])
        value = (known[1](rest["new_value"]) if known else None) or quoted_short(rest["new_value"])
        words = _("{agent} wants to change the {field} of {person} to {value}")
        deed = _("Change the {field} of {person} to {value}")
        parts = {"person": who, "field": (Part(label, "what"),), "value": (Part(value, "what"),)}
    else:
        words = _("{agent} wants to change the record of {person} with {values}")
        deed = _("Change the record of {person} with {values}")
        parts = {"person": who, "values": _values(call, rest)}
    return Told(_worded(call, words, **parts), _worded(call, deed, **parts), _("Approve and change record"), after)


_TEMPLATES: dict[tuple[str, str], Callable[[Wanted], Told | None]] = {
    ("welfare", "check_payment_status"): _look_up,
    ("welfare", "request_extension"): _extend,
    ("welfare", "request_payment_extension"): _extend,
    ("welfare", "modify_welfare_record"): _modify,
}


def _person(call: Wanted) -> Parts:
    value = call.arguments.get("beneficiary_id")
    return _named(call, value) or (Part(value, "what"),) if isinstance(value, str) and _ID.fullmatch(value) else ()


def _days(value: Any) -> Parts:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000:
        return (Part(ngettext("{count} day", "{count} days", value).format(count=value), "what"),)
    return ()


def _day(value: Any) -> str:
    try:
        return day_in_words(date.fromisoformat(value)) if isinstance(value, str) and _DATE.fullmatch(value) else ""
    except ValueError:
        return ""


def _amount(value: Any) -> str:
    text = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    return f"{Decimal(text):.2f} EUR" if _AMOUNT.fullmatch(text) else ""


def _as_it_is(value: Any) -> str:
    return ""


_FIELDS: dict[str, tuple[Any, Callable[[Any], str]]] = {
    "address": (gettext_lazy("address"), _as_it_is), "bank_account": (gettext_lazy("bank account"), _as_it_is),
    "entitled_until": (gettext_lazy("end of payments"), _day),
    "household_size": (gettext_lazy("household size"), _as_it_is),
    "monthly_amount": (gettext_lazy("monthly amount"), _amount),
    "next_payment_on": (gettext_lazy("next payment date"), _day), "phone": (gettext_lazy("phone number"), _as_it_is),
    "status": (gettext_lazy("status"), _as_it_is),
}


# -- every other tool ---------------------------------------------------------------------------


def _generic(call: Wanted) -> Told:
    """By the title that people accepted with the tool's definition, else by its name."""
    title = short(call.title)
    tool = Part(title, "what") if title else Part(short(call.tool), "code")
    if call.arguments:
        words, deed = _("{agent} wants to run {tool} with {values}"), _("Run {tool} with {values}")
    else:
        words, deed = _("{agent} wants to run {tool} without arguments"), _("Run {tool} without arguments")
    parts = {"tool": (tool,), "values": _values(call, call.arguments)}
    return Told(
        _worded(call, words, **parts), _worded(call, deed, **parts),
        _("Approve and run {tool}").format(tool=tool), _("Runs exactly these arguments, once."),
    )


def _values(call: Wanted, values: Mapping[str, Any]) -> Parts:
    parts: list[Part] = []
    for name, value in list(values.items())[:MAX_VALUES]:
        parts += [
            *([Part(", ")] if parts else []), Part(name if _ID.fullmatch(name) else quoted_short(name)), Part(" = "),
            *(_named(call, value) or [Part(quoted_short(value), "what")]),
        ]
    more = len(values) - MAX_VALUES
    if more <= 0:
        return tuple(parts)
    return tuple(_split(ngettext("{values} and {count} more", "{values} and {count} more", more), {
        "values": tuple(parts), "count": (Part(str(more)),),
    }))


def _named(call: Wanted, value: Any) -> Parts:
    """`Ada Obi (BEN-123)`; empty without a name. The id is quoted unless it is plain."""
    name = short(call.names.get(value, "")) if isinstance(value, str) else ""
    if not name:
        return ()
    return Part(name, "what"), Part(f" ({value if _ID.fullmatch(value) else quoted_short(value)})", "id")


def _worded(call: Wanted, words: str, **parts: Parts) -> Sentence:
    return Sentence(tuple(_split(words, {"agent": (Part(short(call.agent), "who"),), **parts})))


def _split(words: str, parts: Mapping[str, Parts]) -> Iterable[Part]:
    """The words around the placeholders, and in their place the parts; each of these stays what it is."""
    for number, piece in enumerate(_PLACEHOLDER.split(words)):
        if number % 2:
            yield from parts.get(piece, ())
        elif piece:
            yield Part(piece)


def _plain(parts: Parts) -> str:
    return "".join(part.text for part in parts)


def quoted(value: Any) -> str:
    """A value as JSON writes it; one short line for lists and objects."""
    return json.dumps(value, ensure_ascii=False)


def short(text: str) -> str:
    text = visible(" ".join(text.split()))
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"


def quoted_short(value: Any) -> str:
    """The same in MAX_VALUE_CHARS; a text that was cut still ends with its quotation mark."""
    text = short(quoted(value))
    return f'{text}"' if isinstance(value, str) and text.endswith("…") else text
