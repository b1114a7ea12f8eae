"""The bench's command: starts the servers, measures, prints, cleans up."""

import argparse
import asyncio
import json
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench import calls, figures, memory, workflow
from tests.bench.beside import Beside
from tests.gateway import Gateway, clean_env, drop_database, new_database, run_python, start_gateway

ROUNDS = 7
SERVERS = ("daphne", "uvicorn")


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="atlas-bench-"))
    try:
        return asyncio.run(_bench(folder, options))
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures the gateway beside its peers.")
    parser.add_argument("--json", action="store_true", help="one line of JSON after the tables")
    parser.add_argument("--quick", action="store_true", help="two rounds instead of seven")
    parser.add_argument("--server", choices=SERVERS, action="append", help="only this one; both unless given")
    parser.add_argument("--check", action="store_true", help="exit 1 when a bar is missed")
    return parser.parse_args()


async def _bench(folder: Path, options: argparse.Namespace) -> int:
    begun = time.monotonic()
    rounds, servers, found = 2 if options.quick else ROUNDS, options.server or SERVERS, []
    sessions = memory.allowed_sessions()
    print(f"Median of at most {rounds} rounds; both sides of a ratio take turns within each round.", flush=True)
    if sessions < memory.SESSIONS:
        print(f"The limit of open files allows {sessions} idle sessions instead of {memory.SESSIONS} (ulimit -n).")

    def tell(title: str, more: list[figures.Figure]) -> None:
        found.extend(more)
        print(f"\n{figures.table(title, more)}", flush=True)

    for server in servers:
        with _both(folder / server, server) as (gateway, bare), Beside(folder / f"{server}-beside") as beside:
            tell(f"{server}: memory", await memory.measure(gateway, bare, sessions))
            tell(f"{server}: reading", await calls.measure(gateway, bare, rounds))
            tell(f"{server}: the governed call", await workflow.measure(gateway, bare, beside, rounds))
            database = "PostgreSQL" if gateway.database else "SQLite, synchronous=FULL"
    counted = _count(folder / "counts")
    took = time.monotonic() - begun
    print(f"\n{_count_table(counted)}\n\n{database}, Python {platform.python_version()}; the bench took {took:.0f} s.")
    if options.json:
        print(figures.json_line(found, counts=counted, database=database, rounds=rounds))
    return int(options.check and any(figure.is_missed for figure in found))


@contextmanager
def _both(folder: Path, server: str) -> Iterator[tuple[Gateway, Gateway]]:
    """The gateway and the bare SDK server, the same server software with the same flags."""
    with ExitStack() as stack:
        gateway = start_gateway(folder / "gateway", server, {"ATLAS_HOLD_SECONDS": "30"})
        stack.callback(gateway.close)
        (folder / "bare").mkdir()
        bare = Gateway(folder / "bare", server, clean_env(), {}, application="tests.bench.bare:application")
        stack.callback(bare.close)
        bare.start()
        yield gateway, bare


def _count(folder: Path) -> dict[str, dict[str, list[float]]]:
    env, _, database = new_database(folder)
    try:
        return json.loads(run_python("from tests.bench import counts; counts.main()", clean_env(**env)))
    finally:
        if database:
            drop_database(database)


def _count_table(counted: dict[str, dict[str, list[float]]]) -> str:
    lines = [f"one governed call{'':14}statements   durable commits   connections taken"]
    for kind, parts in counted.items():
        for part, numbers in [*parts.items(), ("all", [sum(column) for column in zip(*parts.values(), strict=True)])]:
            lines.append(f"  {kind + ', ' + part:<29}{numbers[0]:>10.1f}{numbers[1]:>18.1f}{numbers[2]:>20.1f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
