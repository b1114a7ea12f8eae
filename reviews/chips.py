"""The history's filters as chips: those that are on, each with the address without it, and the commonest statuses."""

from dataclasses import dataclass

from django.forms import Form
from django.http import QueryDict

from governance.states import Status

PAGE_MARKS = ("after", "before")
COMMON = (Status.IN_REVIEW, Status.SUCCEEDED, Status.DENIED, Status.FAILED, Status.EXPIRED)


@dataclass(frozen=True)
class Chip:
    label: str
    without: str  # the query string that drops this filter and starts at the first page
    is_common: bool = False  # a status that has a switch of its own


def chips_of(form: Form, query: QueryDict) -> list[Chip]:
    """One chip per value that narrows the list. `form` is validated."""
    chips = []
    for name, value in form.cleaned_data.items():
        for one in value if isinstance(value, list) else [value]:
            if one not in (None, ""):
                label = f"{form[name].label}: {_shown(form, name, one)}"
                chips.append(Chip(label, _without(query, name, one), is_common=name == "status" and one in COMMON))
    return chips


@dataclass(frozen=True)
class Switch:
    label: str
    address: str  # the query string that turns it over
    is_on: bool


def statuses_of(form: Form, query: QueryDict) -> list[Switch]:
    on = form.cleaned_data.get("status", [])
    return [Switch(status.label, _turned(query, status), status in on) for status in COMMON]


def _turned(query: QueryDict, status: Status) -> str:
    if status in query.getlist("status"):
        return _without(query, "status", str(status))
    rest = query.copy()
    rest.appendlist("status", str(status))
    for mark in PAGE_MARKS:
        rest.pop(mark, None)
    return rest.urlencode()


def _shown(form: Form, name: str, value: object) -> str:
    choices = getattr(form.fields[name], "choices", None) if isinstance(value, str) else None
    return str(dict(choices).get(value, value)) if choices else str(value)


def _without(query: QueryDict, name: str, value: object) -> str:
    rest = query.copy()
    kept = [given for given in rest.getlist(name) if isinstance(value, str) and given != value]
    rest.setlist(name, kept)
    for mark in PAGE_MARKS:
        rest.pop(mark, None)
    return rest.urlencode()
