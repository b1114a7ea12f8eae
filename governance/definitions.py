"""Definitions of tools as their servers give them: what identifies one, and how two of them differ.

A definition is the plain JSON of MCP: `name`, `title`, `description`, `inputSchema`, `outputSchema`, `annotations`.
Whatever else stands in it (`_meta`, icons) is shown to nobody as a promise and does not count.
"""

from collections.abc import Mapping
from typing import Any

from governance.canonical import canonical, check_depth, digest
from governance.errors import InvalidArguments, InvalidDefinition, LimitExceeded

MAX_DEFINITION_BYTES = 256 * 1024
MAX_DEFINITION_DEPTH = 64
LARGEST_EXACT_INTEGER = 2**53 - 1  # what RFC 8785 writes exactly

_EMPTY: dict[str, Any] = {
    "name": "", "title": "", "description": "", "inputSchema": {}, "outputSchema": None, "annotations": {},
}


def pinned(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a definition that a person accepts; what is absent reads like its empty value."""
    given = {field: value for field, value in definition.items() if field in _EMPTY and value is not None}
    return {**_EMPTY, **given}


def digest_of(definition: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the RFC 8785 text of `pinned(definition)`.

    Raises InvalidDefinition for one that is too large, too deep, or not JSON (NaN, lone surrogates).
    """
    subject = f"The definition of {str(definition.get('name') or '')[:128]!r}"
    try:
        check_depth(definition, limit=MAX_DEFINITION_DEPTH)
        large: dict[str, str] = {}
        exact = _without_large_integers(pinned(definition), "", large)
        # A list where an object stood: no definition without large integers has the digest of one with them.
        text = canonical([exact, large] if large else exact)
    except LimitExceeded as error:
        raise InvalidDefinition(f"{subject} is nested deeper than {MAX_DEFINITION_DEPTH} levels.") from error
    except (InvalidArguments, ValueError) as error:  # ValueError: an integer of thousands of digits
        raise InvalidDefinition(f"{subject} has no exact JSON form: {error.__cause__ or error}.") from error
    if len(text.encode("utf-8")) > MAX_DEFINITION_BYTES:
        raise InvalidDefinition(f"{subject} takes more than {MAX_DEFINITION_BYTES:,} bytes.")
    return digest(text)


def _without_large_integers(value: Any, path: str, large: dict[str, str]) -> Any:
    """A copy with 0 for integers that RFC 8785 cannot write (`maximum` of 64 bits); their digits go to `large`."""
    if isinstance(value, Mapping):
        return {key: _without_large_integers(item, f"{path}/{step(key)}", large) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_large_integers(item, f"{path}/{place}", large) for place, item in enumerate(value)]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_EXACT_INTEGER:
        large[path] = str(value)
        return 0
    return value


def step(key: object) -> str:
    """A key as a step of a JSON pointer (RFC 6901), so that no two places share a path."""
    return str(key).replace("~", "~0").replace("/", "~1")
