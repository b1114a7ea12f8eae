"""WelfareServer: the tool server backend in front of the office. Knows transactions and errors, no welfare."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import Error, IntegrityError, connection, transaction

from governance.errors import DownstreamFailed, DownstreamUnknown
from governance.models import ToolServer
from governance.toolservers import Preview, ToolDefinition, ToolResult
from mcp_bridge.downstream.welfare import insight, office
from mcp_bridge.downstream.welfare.definitions import TOOLS

READS: dict[str, Callable[[ToolServer, Mapping[str, Any]], office.Answer]] = {
    "check_payment_status": office.check_payment_status,
}
WRITES: dict[str, Callable[[ToolServer, Mapping[str, Any]], office.Answer]] = {
    "request_extension": office.extend,
    "request_payment_extension": office.extend,
    "modify_welfare_record": office.modify,
}

UNUSABLE = "The welfare register's database could not be used. Nothing was changed; it is safe to ask again later."
BROKE_OFF = "The welfare register's database broke off while it kept the change. A person must look."


class WelfareServer:
    def __init__(self, server: ToolServer) -> None:
        self.server = server

    def list_tools(self) -> list[ToolDefinition]:
        return TOOLS

    def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        """A refusal of the office is a result with `is_error`. Raises DownstreamFailed and DownstreamUnknown."""
        if tool in READS:
            deed, guard = READS[tool], _reading()
        elif tool in WRITES:
            deed, guard = WRITES[tool], _writing()
        else:
            raise DownstreamFailed(f"The welfare office has no tool named {tool}. Nothing was run.")
        try:
            with guard:
                answer = deed(self.server, arguments)
        except office.Refused as refused:
            return _result(str(refused), {"error": refused.code, "message": str(refused), **refused.details}, True)
        return _result(answer.text, answer.facts, False)

    # What is known before a call (governance/insight.py).

    def names(self, values: Iterable[str]) -> dict[str, str]:
        return insight.names(values)

    def foreseen(self, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
        return insight.foreseen(calls)

    def preview(self, tool: str, arguments: Mapping[str, Any]) -> Preview:
        with _reading():
            return insight.preview(tool, arguments)


def _result(text: str, facts: dict[str, Any], is_error: bool) -> ToolResult:
    return ToolResult(content=[{"type": "text", "text": text}], structured=facts, is_error=is_error)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise DownstreamFailed(UNUSABLE) from error


@contextmanager
def _writing() -> Iterator[None]:
    """One transaction: everything inside happens or nothing does, and a wait for another writer has its end.

    A database error before the commit means that nothing was kept, and so does one that the commit itself blames on
    a constraint. Any other error of the commit may have come after it: nobody can say.
    """
    finished = False
    try:
        with transaction.atomic(durable=True):
            _limit_time()
            yield
            finished = True
    except Error as error:
        if finished and not isinstance(error, IntegrityError):
            raise DownstreamUnknown(BROKE_OFF) from error
        raise DownstreamFailed(UNUSABLE) from error


def _limit_time() -> None:
    """SQLite has its own limit: the 20 seconds that a writer waits for its turn (settings)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)", [f"{settings.TOOL_TIMEOUT_SECONDS}s"]
            )
