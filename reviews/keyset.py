"""Keyset pagination over one or several teams: any page of 1,000,000 rows costs what the first one does.

An order is a tuple of field names as in `order_by`; the last one is unique. A key is the tuple of a row's values in
it. Each part of a page is one index range: `(a, b) > (x, y)` is read as `a = x and b > y`, then `a > x`, because a
database walks both straight to their rows, which it does not do for the OR of them. Several teams are read one by one
and merged, since no index gives the rows of several teams in one order.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import QuerySet

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Order:
    """`kinds` are the types of the values, as they come back from an address."""

    fields: tuple[str, ...]
    kinds: tuple[type, ...]

    def reversed(self) -> "Order":
        return Order(tuple(f[1:] if f.startswith("-") else f"-{f}" for f in self.fields), self.kinds)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.removeprefix("-") for field in self.fields)

    def encode(self, key: Key) -> str:
        values = [value.isoformat() if isinstance(value, datetime) else value for value in key]
        text = json.dumps([value.hex if isinstance(value, UUID) else value for value in values])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def decode(self, cursor: str) -> Key:
        """The key in an address. Raises BadRequest for anything that `encode` did not make."""
        try:
            values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            key = tuple(_READ[kind](value) for kind, value in zip(self.kinds, values, strict=True))
        except (ValueError, TypeError, AttributeError, binascii.Error) as error:
            raise BadRequest("The page mark in this address is damaged. Start from the first page.") from error
        return key


def _time(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    try:
        return at.astimezone(UTC)  # PostgreSQL refuses an offset of more than 16 hours
    except OverflowError:
        raise ValueError("a time beyond the calendar") from None


def _small(value: Any) -> int:
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise ValueError("not a small whole number")
    return value


_READ = {datetime: _time, int: _small, UUID: UUID}


def keys_after(rows: QuerySet, order: Order, key: Key | None, limit: int) -> list[Key]:
    """The keys of at most `limit` rows that follow `key` (from the start when None)."""
    found: list[Key] = []
    for part in _ranges(rows, order, key):
        found += part.order_by(*order.fields).values_list(*order.names)[: limit - len(found)]
        if len(found) >= limit:
            break
    return found


def key_at(rows: QuerySet, order: Order, key: Key | None, number: int) -> Key | None:
    """The key of the `number`-th row that follows `key`; None when there are fewer. Reads that many index entries."""
    for part in _ranges(rows, order, key):
        found = part.order_by(*order.fields).values_list(*order.names)[number - 1 : number]
        if found:
            return found[0]
        number -= part.count()
    return None


def _ranges(rows: QuerySet, order: Order, key: Key | None) -> Iterator[QuerySet]:
    if key is None:
        yield rows
        return
    for last in range(len(key) - 1, -1, -1):
        same = dict(zip(order.names[:last], key[:last], strict=True))
        beyond = "lt" if order.fields[last].startswith("-") else "gt"
        yield rows.filter(**same, **{f"{order.names[last]}__{beyond}": key[last]})


def merged_keys_after(parts: Sequence[QuerySet], order: Order, key: Key | None, limit: int) -> list[Key]:
    """`keys_after` over several disjoint querysets, in one order."""
    found = [key_ for part in parts for key_ in keys_after(part, order, key, limit)]
    for position in range(len(order.fields) - 1, -1, -1):  # stable sorts, last field first
        found.sort(key=lambda row: row[position], reverse=order.fields[position].startswith("-"))
    return found[:limit]


@dataclass(frozen=True)
class Page:
    """`keys` in reading order; `previous` and `next` are marks for the address, empty at the ends."""

    keys: list[Key]
    previous: str = ""
    next: str = ""


def page(parts: Sequence[QuerySet], order: Order, *, after: str = "", before: str = "", size: int) -> Page:
    """One page behind `after`, or in front of `before`. Raises BadRequest for a damaged mark."""
    if before and not after:
        mark = order.decode(before)
        back = merged_keys_after(parts, order.reversed(), mark, size + 1)
        keys = back[:size][::-1]
        return Page(
            keys, previous=order.encode(keys[0]) if len(back) > size else "",
            next=order.encode(keys[-1]) if keys else "",
        )
    mark = order.decode(after) if after else None
    ahead = merged_keys_after(parts, order, mark, size + 1)
    keys = ahead[:size]
    return Page(
        keys, previous=order.encode(keys[0]) if after and keys else "",
        next=order.encode(keys[-1]) if len(ahead) > size else "",
    )
