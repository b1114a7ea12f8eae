"""Definitions of tools as their servers give them: what identifies one, and how two of them differ.

A definition is the plain JSON of MCP: `name`, `title`, `description`, `inputSchema`, `outputSchema`, `annotations`.
Whatever else stands in it (`_meta`, icons) is shown to nobody as a promise and does not count.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any

from governance.canonical import canonical, check_depth, digest
from governance.characters import folded, name_of, spelled, visible
from governance.errors import InvalidArguments, InvalidDefinition, LimitExceeded

MAX_DEFINITION_BYTES = 256 * 1024
MAX_DEFINITION_DEPTH = 64
MAX_CHANGES = 200
# Beyond these a text is shown as replaced, not compared: pieces of one text, and pairs of equal pieces in all of them.
MAX_PIECES = 4_000
MAX_PAIRS = 20_000
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


# -- how two definitions differ --------------------------------------------------------------


@dataclass(frozen=True)
class _Json:
    """A value that is no text, as JSON."""

    text: str


@dataclass(frozen=True)
class Piece:
    """A stretch of text: "same", "removed" or "added". Hidden characters are spelled out."""

    text: str
    kind: str


@dataclass(frozen=True)
class Change:
    """What stands at one place (a JSON pointer) in the old and the new definition; None where one has nothing there.

    `pieces` in their order give both: without the added ones the old text, without the removed ones the new. Texts
    stand as they are, other values as JSON. `note` names what differs when the two look much alike.
    """

    path: str
    old: str | None
    new: str | None
    pieces: tuple[Piece, ...]
    note: str = ""


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What differs in the pinned parts: in the order of the new definition, then what it lost. At most MAX_CHANGES.

    For definitions that have a digest: their depth is bounded. Empty exactly when the digests are equal; numbers that
    are equal but written differently (1 and 1.0) are listed all the same.
    """
    before, after = dict(_leaves(pinned(old))), dict(_leaves(pinned(new)))
    filled = {place[:depth] for place in (*before, *after) for depth in range(len(place))}
    changes: list[Change] = []
    left = MAX_PAIRS
    for place in {**after, **before}:
        one, other = before.get(place), after.get(place)
        if one == other or (place in filled and None in (one, other)):  # an empty object that was filled, or emptied
            continue
        if len(changes) == MAX_CHANGES:
            changes.append(Change("", None, None, (), f"More than these {MAX_CHANGES} places differ."))
            break
        change, spent = _change(place, one, other, left)
        changes.append(change)
        left -= spent
    return changes


_Place = tuple[str | int, ...]  # a number is a place in a list


def _leaves(value: Any, place: _Place = ()) -> Iterator[tuple[_Place, str | _Json]]:
    """Everything that holds no further values."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*place, str(key)))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, (*place, number))
    elif place != ("outputSchema",) or value is not None:
        yield place, value if isinstance(value, str) else _Json(json.dumps(value))


def _change(place: _Place, old: str | _Json | None, new: str | _Json | None, left: int) -> tuple[Change, int]:
    """The change, and how many pairs of pieces it took of those that are `left`."""
    if isinstance(old, _Json) or isinstance(new, _Json):
        old, new = _as_json(old), _as_json(new)
    pieces, spent = _pieces(old or "", new or "", left)
    pointer = "".join(f"/{step(key)}" for key in place)
    shown = [None if side is None else visible(side) for side in (old, new)]
    note = "" if old is None or new is None else _why_alike(old, new)
    return Change(visible(pointer), shown[0], shown[1], tuple(pieces), note), spent


def _as_json(value: str | _Json | None) -> str | None:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else value and value.text


_PIECE = re.compile(r"(?:\w+|[^\w\s]) ?|\s")


def _pieces(old: str, new: str, left: int) -> tuple[list[Piece], int]:
    before, after = _PIECE.findall(old), _PIECE.findall(new)
    head = _common(before, after)
    tail = min(_common(before[::-1], after[::-1]), len(before) - head, len(after) - head)
    olds, news = before[head : len(before) - tail], after[head : len(after) - tail]
    counts = Counter(news)
    pairs = sum(counts[piece] for piece in olds)
    moves = [("replace", 0, len(olds), 0, len(news))]
    if is_small := pairs <= left and max(len(olds), len(news)) <= MAX_PIECES:
        moves = SequenceMatcher(None, olds, news, autojunk=False).get_opcodes()
    pieces = [_same(before[:head])]
    for move, old_from, old_to, new_from, new_to in moves:
        if move == "equal":
            pieces.append(_same(olds[old_from:old_to]))
        else:
            pieces += [_differing(olds[old_from:old_to], "removed"), _differing(news[new_from:new_to], "added")]
    pieces.append(_same(before[len(before) - tail :]))
    return [piece for piece in pieces if piece.text], pairs if is_small else 0


def _common(one: list[str], other: list[str]) -> int:
    """How many pieces at the start are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _same(parts: list[str]) -> Piece:
    return Piece(visible("".join(parts)), "same")


def _differing(parts: list[str], kind: str) -> Piece:
    """With every blank but the usual ones spelled out too: they look alike, and here one may be what differs."""
    text = visible("".join(parts))
    return Piece("".join(spelled(char) if char.isspace() and char not in " \n\t" else char for char in text), kind)


def _why_alike(old: str, new: str) -> str:
    """Names the characters that differ when a reader may take both texts for the same; empty when they do not."""
    if "".join(map(folded, old)) != "".join(map(folded, new)):
        return ""
    odd = [char for char in dict.fromkeys(old + new) if not char.isascii() and old.count(char) != new.count(char)]
    return f"Both look much alike. They differ in {', '.join(map(name_of, odd[:5]))}." if odd else ""
