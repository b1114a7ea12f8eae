"""Canonical JSON (RFC 8785) and its digest, and the bounds of what an agent may send."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from governance.errors import InvalidArguments, LimitExceeded

MAX_ARGUMENTS_BYTES = 256 * 1024
MAX_CONTEXT_BYTES = 16 * 1024
MAX_REASON_CHARS = 4_000
MAX_DEPTH = 32


def canonical(value: Any) -> str:
    """RFC 8785 text of a JSON value.

    Raises InvalidArguments for what JSON cannot carry exactly: integers beyond 2^53 - 1, NaN, lone surrogates.
    """
    try:
        if _is_plain(value):
            text = _encode(value)
            text.encode("utf-8")  # a lone surrogate fails here, as it does below
            return text
        return rfc8785.dumps(value).decode("utf-8")
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidArguments(
            f"These arguments have no exact JSON form: {error}. Send large numbers as text."
        ) from error


# For plain values the C encoder writes the very text of RFC 8785, at a sixth of the time.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
_MAX_INTEGER = 2**53 - 1


def _is_plain(value: Any) -> bool:
    """No floats, no integers that need a check, keys whose order by code point is that by UTF-16 unit."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return -_MAX_INTEGER <= value <= _MAX_INTEGER
    if kind is dict:
        return all(type(name) is str and name.isascii() and _is_plain(item) for name, item in value.items())
    if kind is list:
        return all(map(_is_plain, value))
    return False


def canonical_flat(facts: Mapping[str, str | int]) -> str:
    """`canonical` of texts and small numbers under ASCII names, unchecked: for what the gateway itself says."""
    return _encode(facts)


def digest(text: str) -> str:
    """SHA-256 of a canonical text, in hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def is_storable(text: str) -> bool:
    """Whether every database takes it: no NUL, no lone surrogate."""
    try:
        return b"\x00" not in text.encode()
    except UnicodeEncodeError:
        return False


def check_depth(value: Any, *, limit: int = MAX_DEPTH) -> None:
    """Raises LimitExceeded when objects and lists are nested deeper than `limit`. Iterative: depth cannot hurt it."""
    layer, depth = [value], 0
    while layer := [item for item in layer if isinstance(item, Mapping | list)]:
        depth += 1
        if depth > limit:
            raise LimitExceeded(f"The arguments are nested deeper than {limit} levels. Send a flatter structure.")
        layer = [child for item in layer for child in (item.values() if isinstance(item, Mapping) else item)]


def bound_arguments(arguments: Mapping[str, Any]) -> tuple[str, str]:
    """The canonical text of the arguments and its digest, after every bound was checked."""
    check_depth(arguments)
    text = canonical(dict(arguments))
    size = len(text.encode("utf-8"))
    if size > MAX_ARGUMENTS_BYTES:
        raise LimitExceeded(
            f"The arguments take {size:,} bytes; the limit is {MAX_ARGUMENTS_BYTES:,}. "
            "Pass a reference to large data instead."
        )
    return text, digest(text)


def bound_context(context: Any) -> str:
    """The canonical text of an agent's context; empty when there is none."""
    if context in (None, "", {}, []):
        return ""
    check_depth(context)
    text = canonical(context)
    size = len(text.encode("utf-8"))
    if size > MAX_CONTEXT_BYTES:
        raise LimitExceeded(f"The context takes {size:,} bytes; the limit is {MAX_CONTEXT_BYTES:,}. Send a summary.")
    return text
