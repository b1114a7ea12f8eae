"""The command: starts the servers, measures in turns, drops connections, prints, cleans up."""

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench import figures
from tests.bench.proxy import peers, profile, rounds
from tests.bench.proxy.drops import drop
from tests.bench.proxy.governed import governed
from tests.bench.proxy.load import Load
from tests.bench.proxy.wire import LEGACY, MODERN, Target
from tests.gateway import Gateway, clean_env

SOFTWARE = ("daphne", "uvicorn")
ROUNDS, TURN_SECONDS = 7, 0.6
DROPS, QUICK_DROPS = 10_000, 500
PROFILE_SECONDS = 5


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="atlas-bench-proxy-"))
    try:
        return _bench(folder, options)
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.proxy", description="The gateway beside its peers.")
    parser.add_argument("--json", action="store_true", help="one line of JSON after the tables")
    parser.add_argument("--quick", action="store_true", help=f"two rounds instead of {ROUNDS}, {QUICK_DROPS} drops")
    parser.add_argument("--server", choices=SOFTWARE, action="append", help="the gateway under this one; else both")
    parser.add_argument("--check", action="store_true", help="exit 1 when a bar is missed")
    parser.add_argument("--profile", action="store_true", help="where the time of a call goes")
    parser.add_argument("--drops", type=int, help=f"how many calls meet dropped connections; {DROPS:,} unless given")
    parser.add_argument("--protocol", choices=(MODERN, LEGACY), default=MODERN, help="what the client speaks")
    parser.add_argument("--no-gateway", action="store_true", help="only the peers beside the direct call")
    parser.add_argument(
        "--contextforge-python", type=Path, default=peers.CONTEXTFORGE, help="the Python that has ContextForge"
    )
    return parser.parse_args()


def _bench(folder: Path, options: argparse.Namespace) -> int:
    begun = time.monotonic()
    count = 2 if options.quick else ROUNDS
    software = [] if options.no_gateway else options.server or SOFTWARE
    print(f"Median of {count} rounds; in each of them everything gets its turn.", flush=True)
    with _direct(folder / "direct") as direct, ExitStack() as stack:
        load = stack.enter_context(Load())
        url = f"http://127.0.0.1:{direct.port}/mcp"
        ours = [stack.enter_context(governed(one, url, folder / one)) for one in software]
        others, versions = _peers(stack, url, folder, options.contextforge_python)
        targets = [one.speaking(options.protocol) for one in (direct, *(target for _, target in ours), *others)]
        found = rounds.measure(load, targets, count, TURN_SECONDS)
        ratios = found.figures()
        print(f"\n{figures.table('a tool call', ratios)}", flush=True)
    missed = any(figure.is_missed for figure in ratios)
    profiles = [_profile(one, folder / f"{one}-profile") for one in software if options.profile]
    drops = options.drops if options.drops is not None else QUICK_DROPS if options.quick else DROPS
    dropped = {}
    for one in software if drops else ():
        after = drop(one, folder / f"{one}-drops", drops)
        problems = after.problems()
        dropped[one] = {"calls": drops, "lost": len(problems), "summary": after.summary()}
        missed = missed or bool(problems)
        print(f"\n{one}, connections dropped: {'MISSED' if problems else 'met'}\n  {after.summary()}", flush=True)
        print("".join(f"  {problem}\n" for problem in problems[:20]), end="")
    took = time.monotonic() - begun
    database = "PostgreSQL" if any(gateway.database for gateway, _ in ours) else "SQLite, synchronous=FULL"
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    print(f"\n{options.protocol}, {database}, Python {platform.python_version()}, {named}.")
    print(f"The bench took {took:.0f} s; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
    if options.json:
        more = {"drops": dropped, "profiles": profiles, "database": database, "peers": versions, "rounds": count}
        print(figures.json_line(ratios, **more))
    return int(options.check and missed)


@contextmanager
def _direct(folder: Path) -> Iterator[Target]:
    folder.mkdir()
    server = Gateway(folder, "uvicorn", clean_env(), {}, application="tests.bench.proxy.direct:application")
    try:
        server.start()
        yield Target("direct", server.port)
    finally:
        server.close()


def _peers(stack: ExitStack, url: str, folder: Path, forge: Path) -> tuple[list[Target], dict[str, str]]:
    """The peers that can be had, started, and their versions."""
    python = peers.fastmcp_python()
    versions = {"fastmcp": peers.version_of(python, "fastmcp")}
    found = [
        stack.enter_context(peers.fastmcp(python, kind, url, folder / f"fastmcp-{kind}"))
        for kind in ("shared", "default")
    ]
    if version := peers.version_of(forge, "mcp-contextforge-gateway"):
        versions["ContextForge"] = version
        found.append(stack.enter_context(peers.contextforge(forge, url, folder / "contextforge")))
    else:
        print(f"ContextForge was not measured: {forge} has no mcp-contextforge-gateway.", flush=True)
    return found, versions


def _profile(software: str, folder: Path) -> str:
    """Of a gateway of its own: being looked at costs a little."""
    spy = peers.fastmcp_python().with_name("py-spy")
    with (
        _direct(folder) as direct, Load() as load,
        governed(software, f"http://127.0.0.1:{direct.port}/mcp", folder / "gateway") as (gateway, target),
    ):  # fmt: skip
        table = profile.profile(gateway, target, load, spy, folder, PROFILE_SECONDS)
        print(f"\n{table}", flush=True)
        return table


if __name__ == "__main__":
    sys.exit(main())
