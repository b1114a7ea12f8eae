"""Rows of one model by one prepared statement, for the hot path: the ORM's own insert costs ten times as much a row.

Values are given as the database takes them (`when`, `key`, `document`). Columns that are not named get their default.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import AutoField, Model


class Insert:
    """`Insert(Model, "column", …)(cursor, rows)`; each row a tuple of values for these columns, in this order."""

    def __init__(self, model: type[Model], *columns: str) -> None:
        self._model, self._columns = model, columns

    @cached_property
    def _statement(self) -> tuple[str, tuple[Any, ...]]:
        fields = [field for field in self._model._meta.concrete_fields if not isinstance(field, AutoField)]
        if unknown := set(self._columns) - {field.column for field in fields}:
            raise TypeError(f"{self._model.__name__} has no column {', '.join(sorted(unknown))}")
        rest = [field for field in fields if field.column not in self._columns]
        if changing := [field.column for field in rest if field.has_default() and callable(field.default)]:
            raise TypeError(f"{self._model.__name__} needs a value for {', '.join(changing)} in every row")
        quote = connection.ops.quote_name
        names = [*self._columns, *(field.column for field in rest)]
        sql = (
            f"INSERT INTO {quote(self._model._meta.db_table)} ({', '.join(map(quote, names))}) "  # noqa: S608
            f"VALUES ({', '.join(['%s'] * len(names))})"
        )
        return sql, tuple(field.get_db_prep_save(field.get_default(), connection) for field in rest)

    def __call__(self, cursor: Any, rows: Iterable[tuple[Any, ...]]) -> None:
        sql, rest = self._statement
        cursor.executemany(sql, [row + rest for row in rows])


def when(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def key(value: UUID) -> Any:
    return value if connection.features.has_native_uuid_field else value.hex


def document(value: Any) -> Any:
    """JSON for a JSONField's column."""
    return None if value is None else connection.ops.adapt_json_value(value, None)
