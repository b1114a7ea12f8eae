"""Many rows at once: COPY on PostgreSQL, executemany on SQLite, and the indexes of the filled tables made afterwards.

Values are texts, whole numbers or None; moments are UTC texts without an offset, as SQLite keeps them.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import AutoField, Model

Row = tuple[Any, ...]

# For one connection: nothing is waited for, since a broken load is begun anew.
_HURRY = {
    "sqlite": [
        "PRAGMA foreign_keys=OFF", "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-1000000",
        "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA temp_store=MEMORY",
    ],
    "postgresql": [
        "SET synchronous_commit = off", "SET maintenance_work_mem = '512MB'", "SET work_mem = '64MB'",
        "SET TIME ZONE 'UTC'",
    ],
}


class Table:
    """Where rows of one model go; columns that are not named get their default."""

    def __init__(self, model: type[Model], *columns: str) -> None:
        fields = [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]
        if unknown := set(columns) - {field.column for field in fields}:
            raise TypeError(f"{model.__name__} has no column {', '.join(sorted(unknown))}")
        rest = [field for field in fields if field.column not in columns]
        self.name, self.columns = model._meta.db_table, [*columns, *(field.column for field in rest)]
        self.rest = tuple(_plain(field.get_default()) for field in rest)

    def add(self, rows: Iterable[Row]) -> None:
        names = ", ".join(self.columns)
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                marks = ", ".join("?" * len(self.columns))
                statement = f"INSERT INTO {self.name} ({names}) VALUES ({marks})"
                connection.connection.executemany(statement, (row + self.rest for row in rows))
                return
            tail = "".join(f"\t{_copied(value)}" for value in self.rest) + "\n"
            with cursor.copy(f"COPY {self.name} ({names}) FROM STDIN") as copy:
                copy.write("".join("\t".join(map(_copied, row)) + tail for row in rows))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, int):
        return None if value is None else int(value)
    return str(value) if isinstance(value, str) else "[]" if value == [] else "{}"


def _copied(value: Any) -> str:
    if value is None:
        return r"\N"
    return value.replace("\\", "\\\\") if type(value) is str else str(value)


@contextmanager
def loading(*models: type[Model]) -> Iterator[None]:
    """Within it the tables of these models have no indexes but their keys, and nobody looks at foreign keys."""
    with connection.cursor() as cursor:
        for statement in _HURRY[connection.vendor]:
            cursor.execute(statement)
        indexes = _indexes(cursor, [model._meta.db_table for model in models])
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        if trusted := connection.vendor == "postgresql" and _is_superuser(cursor):
            cursor.execute("SET session_replication_role = replica")
        yield
        if trusted:
            cursor.execute("SET session_replication_role = DEFAULT")
        for name, statement in indexes:
            print(f"  index {name}", flush=True)
            cursor.execute(statement)


def _indexes(cursor: Any, tables: list[str]) -> list[tuple[str, str]]:
    """Name and statement of each index that no constraint keeps."""
    if connection.vendor == "sqlite":
        cursor.execute("SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    else:
        cursor.execute(
            "SELECT indexname, indexdef, tablename FROM pg_indexes WHERE schemaname = current_schema() "
            "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)"
        )
    return [(name, statement) for name, statement, table in cursor.fetchall() if table in tables]


def _is_superuser(cursor: Any) -> bool:
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    return cursor.fetchone()[0]
