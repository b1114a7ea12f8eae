"""The filters that are on, each with the address without it."""

from dataclasses import dataclass

from django.forms import Form
from django.http import QueryDict

PAGE_MARKS = ("after", "before")


@dataclass(frozen=True)
class Chip:
    label: str
    without: str  # the query string that drops this filter and starts at the first page


def chips_of(form: Form, query: QueryDict) -> list[Chip]:
    """One chip per value that narrows the list. `form` is validated."""
    chips = []
    for name, value in form.cleaned_data.items():
        for one in value if isinstance(value, list) else [value]:
            if one not in (None, ""):
                chips.append(Chip(f"{form[name].label}: {_shown(form, name, one)}", _without(query, name, one)))
    return chips


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
