"""Pages of the REST lists, by reviews/keyset.py: the cursor is a place in the order, so every page costs the same."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from reviews.keyset import Key, Order, merged_keys_after

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
# Filters that no index serves are tried on this many rows a page; then the page ends early, with a cursor.
WINDOW = 20_000

NEWEST = Order(("-received_at", "-id"), (datetime, UUID))
BY_ID = Order(("id",), (int,))


class Cursor(BasePagination):
    """What a page looks like outside; `read` fills it."""

    def read(
        self, request: Request, order: Order, parts: Sequence[QuerySet],
        narrow: Callable[[QuerySet], QuerySet] | None = None,
    ) -> list[Key]:
        """The keys of the page that the request asks for. Raises ValidationError (limit), NotFound (cursor)."""
        limit = _limit(request.query_params.get("limit", str(DEFAULT_LIMIT)))
        mark = _mark(order, request.query_params.get("cursor"))
        if narrow is None:
            keys = merged_keys_after(parts, order, mark, limit + 1)
            self._place(request, order.encode(keys[limit - 1]) if len(keys) > limit else None)
            return keys[:limit]
        edge = _edge(parts, order, mark)
        if edge is not None:
            parts = [part.filter(received_at__gte=edge[0]) for part in parts]
        keys = merged_keys_after([narrow(part) for part in parts], order, mark, limit + 1)
        keys = [key for key in keys if edge is None or key >= edge]
        last = keys[limit - 1] if len(keys) > limit else edge
        self._place(request, order.encode(last) if last else None)
        return keys[:limit]

    def _place(self, request: Request, cursor: str | None) -> None:
        url = remove_query_param(request.build_absolute_uri(), "cursor")
        self.next = replace_query_param(url, "cursor", cursor) if cursor else None

    def get_paginated_response(self, data: list[Any]) -> Response:
        return Response({"next": self.next, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {
                    "type": "string", "format": "uri", "nullable": True,
                    "description": "Where the list goes on; null at its end. A page can be short of `limit` before it.",
                },
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: object) -> list[dict[str, Any]]:
        return [
            {
                "name": "limit", "in": "query", "required": False, "description": "Rows of a page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            },
            {
                "name": "cursor", "in": "query", "required": False,
                "description": "From the `next` of the page before; its content means nothing to callers.",
                "schema": {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_-]+$"},
            },
        ]


def is_storable(at: datetime) -> bool:
    """Whether both databases can compare with it: not at the ends of the calendar."""
    return 1 < at.year < 9999


def _edge(parts: Sequence[QuerySet], order: Order, mark: Key | None) -> Key | None:
    """The last row within the window, in the part that fills it first; None when no part does."""
    edges = []
    for part in parts:
        ahead = part if mark is None else part.filter(received_at__lte=mark[0])
        edges += ahead.order_by(*order.fields).values_list(*order.names)[WINDOW - 1 : WINDOW]
    return max(edges, default=None)


def _mark(order: Order, cursor: str | None) -> Key | None:
    if cursor is None:
        return None
    try:
        mark = order.decode(cursor)
    except (BadRequest, OverflowError, RecursionError):
        mark = None
    if mark is None or not all(is_storable(part) for part in mark if isinstance(part, datetime)):
        raise NotFound("There is no page at this cursor.")
    return mark


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT):
        raise ValidationError({"limit": f"limit must be a whole number from 1 to {MAX_LIMIT}."})
    return int(text)
