"""python -m tests.bench.console.seed: fills a database for measuring with a million requests of ninety days.

The same call again finds them and does nothing. SQLite is filled beside its place and moved there at the end; in a
PostgreSQL database a table that is written last says that all is there, and what lacks it is begun anew.
"""

import argparse
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import django

from tests.bench.console import place

if __name__ == "__main__":  # the models below need the settings
    place.choose()
    if not os.environ["DATABASE_URL"].startswith("postgres"):
        os.environ["DATABASE_URL"] = f"sqlite:///{place.FOLDER / 'atlas.sqlite3.part'}"
    django.setup()

from django.core.management import call_command
from django.db import OperationalError, ProgrammingError, connection

from governance import models
from governance.upkeep import refresh_figures
from reviews.tallying import tally_all
from tests.bench.console import calls, trails
from tests.bench.console.bulk import loading
from tests.bench.console.world import PASSWORD, make_world

COUNT = 1_000_000
VERSION = 1  # of what the rows look like
STALE = timedelta(hours=20)  # then today is empty and much of the queue has expired
FILLED = (
    models.GovernanceRequest, models.Assessment, models.Decision, models.Execution, models.Question, models.Transition,
    models.EvidenceEntry,
)  # fmt: skip


def main() -> int:
    options = _options()
    final = place.FOLDER / "atlas.sqlite3" if connection.vendor == "sqlite" else None
    if not options.fresh and (found := _found(final)) and found[:2] == (options.count, VERSION):
        print(_already(*found))
        return 0
    begun = time.monotonic()
    _clear()
    print("tables", flush=True)
    call_command("migrate", verbosity=0)
    fill(options.count, datetime.now(UTC).replace(microsecond=0))
    if final:
        _move_to(final)
    print(f"{options.count:,} requests in {time.monotonic() - begun:.0f} s. Log in as sarah or root: {PASSWORD!r}.")
    return 0


def fill(count: int, now: datetime) -> None:
    """The rows, then the mark that they are there. No row is changed, so append-only tables keep their triggers."""
    rng = Random(4)  # the same rows each time, but for the hour they are counted back from
    desks = make_world(rng, begin=now - timedelta(days=calls.DAYS), end=now)
    tables, done = calls.tables(), 0
    with loading(*FILLED):
        for batch in calls.batches(desks, count=count, now=now, rng=rng):
            for name, table in tables.items():
                table.add(getattr(batch, name))
            done += len(batch.requests)
            print(f"  requests: {done:,}", flush=True)
        trails.write_transitions()
        trails.write_evidence(now)
    print("  tallies", flush=True)
    tally_all()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")  # as its autovacuum does in time
        refresh_figures()  # as the gateway does each hour
        cursor.execute("CREATE TABLE bench_seed (requests integer, version integer, at varchar(40))")
        cursor.execute("INSERT INTO bench_seed VALUES (%s, %s, %s)", [count, VERSION, now.isoformat()])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.console.seed", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="of requests; 1,000,000")
    parser.add_argument("--fresh", action="store_true", help="begin anew also when they are there")
    options = parser.parse_args()
    if not 1_000 <= options.count <= 20_000_000:
        parser.error("--count must lie between 1,000 and 20,000,000")
    return options


def _found(final: Path | None) -> tuple[int, int, str] | None:
    """Count, version and moment of the rows that are there."""
    if final:
        if not final.exists():
            return None
        connection.settings_dict["NAME"] = str(final)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT requests, version, at FROM bench_seed")
            return cursor.fetchone()
    except (OperationalError, ProgrammingError):
        return None
    finally:
        connection.close()
        if final:
            connection.settings_dict["NAME"] = f"{final}.part"


def _already(count: int, version: int, at: str) -> str:
    age = datetime.now(UTC) - datetime.fromisoformat(at)
    old = " That is long ago: today is empty. Begin anew with FRESH=1." if age > STALE else ""
    return f"{count:,} requests are there, counted back from {at}. Nothing to do.{old}"


def _clear() -> None:
    if connection.vendor == "sqlite":
        for tail in ("", "-wal", "-shm", "-journal"):
            Path(f"{connection.settings_dict['NAME']}{tail}").unlink(missing_ok=True)
        return
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")


def _move_to(final: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode=WAL")
    connection.close()
    for tail in ("-wal", "-shm"):
        Path(f"{final}{tail}").unlink(missing_ok=True)
    Path(connection.settings_dict["NAME"]).replace(final)


if __name__ == "__main__":
    sys.exit(main())
