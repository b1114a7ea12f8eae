"""Reads a running gateway's rows, from outside: when was it, and is it so far?"""

import sqlite3
from datetime import datetime
from typing import Any

import psycopg

from tests.gateway import Gateway


class Rows:
    """A read-only view on a gateway's database; a context manager."""

    def __init__(self, gateway: Gateway) -> None:
        url = gateway.env.get("DATABASE_URL", "")
        self._mark = "%s" if url else "?"
        if url:
            self._connection: Any = psycopg.connect(url, autocommit=True)
        else:
            path = gateway.folder / "atlas.sqlite3"
            self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=20)

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def _one(self, query: str, *values: object) -> tuple[Any, ...]:
        return self._connection.execute(query.replace("?", self._mark), values).fetchone()

    def waiting(self) -> str:
        """The reference of the one request in review whose workflow waits; empty as long as there is none."""
        paused = self._one("SELECT count(*) FROM governance_pause")[0] == 1
        return self.in_review() if paused else ""

    def in_review(self) -> str:
        row = self._one("SELECT reference FROM governance_governancerequest WHERE status = 'in_review'")
        return row[0] if row else ""

    def seconds_to_first_step(self, reference: str) -> float:
        """From the event's row in the outbox to the effect of the workflow's first step."""
        sent, started = self._one(
            "SELECT o.created_at, r.started_at FROM governance_governancerequest r JOIN governance_outboxevent o "
            "ON o.request_id = r.id AND o.name = 'atlas/tool.execution_requested' WHERE r.reference = ?", reference
        )
        return (_time(started) - _time(sent)).total_seconds()

    def decision_events(self, reference: str) -> int:
        """1, and one more for every nudge."""
        return self._one(
            "SELECT count(*) FROM governance_outboxevent o JOIN governance_governancerequest r ON o.request_id = r.id "
            "WHERE o.name = 'atlas/sarah.decision' AND r.reference = ?", reference
        )[0]


def _time(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
