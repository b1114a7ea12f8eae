"""The one way from the bridge's coroutines to the database: short synchronous units on threads of their own.

Readers and writers do not share threads, so a write that waits for SQLite's lock delays no look-up. On SQLite a thread
keeps its connection (opening the file costs more than the query); on PostgreSQL it goes back to the pool after every
unit. A unit never waits for the network or for a person.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache, partial
from typing import ParamSpec, TypeVar

from django.db import Error, connection

P = ParamSpec("P")
T = TypeVar("T")

SQLITE_THREADS = {"read": 2, "write": 1, "tool": 2}
SERVER_THREADS = {"read": 4, "write": 5, "tool": 2}  # with the writer below the pool's 16, which the console shares


@cache
def _threads(kind: str) -> ThreadPoolExecutor:
    count = (SQLITE_THREADS if connection.vendor == "sqlite" else SERVER_THREADS)[kind]
    return ThreadPoolExecutor(count, thread_name_prefix=f"mcp-{kind}")


async def read(unit: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `unit` returns or raises. A cancelled caller does not stop a unit that has begun."""
    return await _run("read", partial(unit, *args, **kwargs))


async def write(unit: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `read`, for a unit that writes."""
    return await _run("write", partial(unit, *args, **kwargs))


async def run_tool(unit: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `read`, for a tool of this process, which may take its time."""
    return await _run("tool", partial(unit, *args, **kwargs))


async def _run(kind: str, unit: Callable[[], T]) -> T:
    work = partial(copy_context().run, _with_connection, unit)
    return await asyncio.get_running_loop().run_in_executor(_threads(kind), work)


def _with_connection(unit: Callable[[], T]) -> T:
    keep = connection.vendor == "sqlite"
    try:
        return unit()
    except Error:
        keep = False  # a connection that failed once is not trusted again
        raise
    finally:
        if not keep:
            connection.close()
