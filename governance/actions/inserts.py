"""SQL for the hot path, past the ORM and Django's cursors, which cost more than the database itself.

    with plain_cursor() as cursor:
        add_rows(cursor, [(…), (…)])             # add_rows = Insert(Model, "column", …)
        cursor.execute(sql("UPDATE … = %s"), […])

Values are given as the database takes them (`when`, `key`, `document`). Columns that are not named get their default.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import AutoField, Model


class Insert:
    """`Insert(Model, "column", …)(cursor, rows)`; each row a tuple of values for these columns, in this order."""

    def __init__(self, model: type[Model], *columns: str) -> None:
        self._model, self._columns = model, columns

    def __call__(self, cursor: Any, rows: Iterable[tuple[Any, ...]]) -> None:
        text, rest = self._statement
        cursor.executemany(text, [row + rest for row in rows])

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
        text = (
            f"INSERT INTO {quote(self._model._meta.db_table)} ({', '.join(map(quote, names))}) "  # noqa: S608
            f"VALUES ({', '.join(['%s'] * len(names))})"
        )
        return sql(text), tuple(field.get_db_prep_save(field.get_default(), connection) for field in rest)


@contextmanager
def plain_cursor() -> Iterator[Any]:
    """The driver's own cursor, in the transaction that Django has begun. Raises django.db.Error as Django's does."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = connection.connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()


@cache
def _is_sqlite() -> bool:
    """Asked of Django's connection once: every look at that costs as much as a value here."""
    return connection.vendor == "sqlite"


def sql(text: str) -> str:
    """The statement with the marks of this database's driver; `text` holds no %s but marks."""
    return text.replace("%s", "?") if _is_sqlite() else text


def when(moment: datetime) -> Any:
    """SQLite: UTC without its offset, as Django writes it."""
    return str(moment.astimezone(UTC).replace(tzinfo=None)) if _is_sqlite() else moment


def key(value: UUID) -> Any:
    return value.hex if _is_sqlite() else value


def document(value: Any) -> Any:
    """JSON for a JSONField's column."""
    return None if value is None else connection.ops.adapt_json_value(value, None)
