"""Values of JSON from what a person typed, exactly or not at all."""

import json
import math
import re
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

_INTEGER = re.compile(r"-?\d{1,40}", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,30})(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)
_MAX_INTEGER = 2**53 - 1


class Unreadable(ValueError):
    """What was typed is not such a value; the message is for who typed it."""


def is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def read_number(text: str, kind: str) -> int | float:
    """Raises Unreadable."""
    if _INTEGER.fullmatch(text):
        number = int(text)
        if abs(number) > _MAX_INTEGER:
            raise Unreadable(_("This number is too large to be exact."))
        return number
    if kind == "integer":
        raise Unreadable(_("Write a whole number."))
    if not _NUMBER.fullmatch(text):
        raise Unreadable(_("Write a number such as 12.5."))
    return _finite(text)


def read_json(text: str) -> Any:
    try:
        return json.loads(
            text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_no_doubles
        )
    except RecursionError:
        raise Unreadable(_("This is nested too deeply.")) from None
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno}
        raise Unreadable(_("This is not JSON: line %(line)d, column %(column)d.") % place) from None


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Unreadable(_("This number is too large to be exact."))
    return number


def _no_constant(name: str) -> Any:
    raise Unreadable(_("%(name)s is no JSON value.") % {"name": name})


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise Unreadable(_("The same name stands twice in an object."))
    return dict(pairs)
