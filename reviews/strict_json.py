"""JSON from outside, read without guessing: no repeated names, no NaN, no bottomless nesting."""

import json
from typing import Any, NoReturn

MAX_BODY = 64 * 1024  # of a verdict: a reason of 4,000 characters, with room for its escapes


class BadJson(Exception):
    """The text is not JSON, or holds a name twice (`field` is that name)."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def loads(text: bytes) -> Any:
    """The value. Raises BadJson."""
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadJson("The body is not JSON in UTF-8.") from None


def printable(name: str) -> str:
    """A name somebody sent, fit for an error message."""
    return ascii(name[:40])[1:-1]


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may take two different ones of a repeated field; here nobody guesses."""
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        twice = printable(next(name for name in names if names.count(name) > 1))
        raise BadJson(f"The field {twice} stands there twice.", twice)
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
