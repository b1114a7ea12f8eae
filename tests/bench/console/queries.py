"""Every SQL statement of a page: caught while the page is made in this process, then run by itself again and again.

A statement counts from its sending to its last row. What writes is left out (a reader's page writes nothing).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.test import Client


@dataclass
class Statement:
    sql: str
    params: Any
    seconds: list[float] = field(default_factory=list)

    @property
    def short(self) -> str:
        """From FROM on, without the list of columns."""
        return " ".join(self.sql[max(0, self.sql.find("FROM")) :].split())


def statements_of(client: Client, url: str) -> list[Statement]:
    """Those of the second look at the page: the first one may fill what a process remembers."""
    client.get(url)
    with _caught() as caught:
        answer = client.get(url)
    assert answer.status_code in (200, 302), f"{url} answers {answer.status_code}"
    return [statement for statement in caught if statement.sql.lstrip().startswith(("SELECT", "WITH"))]


def run_again(statements: list[Statement], times: int) -> None:
    for _ in range(times):
        for statement in statements:
            with connection.cursor() as cursor:
                begun = time.perf_counter()
                cursor.execute(statement.sql, statement.params)
                cursor.fetchall()
                statement.seconds.append(time.perf_counter() - begun)


@contextmanager
def _caught() -> Iterator[list[Statement]]:
    caught: list[Statement] = []

    def catch(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        caught.append(Statement(sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(catch):
        yield caught
