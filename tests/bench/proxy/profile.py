"""Where the gateway's processor time of one call goes: samples of its process while one caller calls."""

import json
import signal
from collections import Counter
from pathlib import Path

from tests.bench.proxy.load import Load
from tests.bench.proxy.wire import Target
from tests.gateway import ROOT, Gateway
from tests.waiting import wait_for

SAMPLER = str(Path(__file__).with_name("sampler"))
SMALL = 0.01  # shares below it are one line
PARTS = {  # the first that is in the file's path; the rest by the package's or module's own name
    "governance/evidence/": "evidence", f"{ROOT}/governance/": "our verbs and policy",
    f"{ROOT}/mcp_bridge/downstream": "our downstream client", f"{ROOT}/": "our bridge and site",
    "django/db/": "Django's ORM and database", "sqlite3": "Django's ORM and database", "psycopg": "psycopg",
    "/django/": "Django, other", "aiohttp/": "aiohttp", "/mcp/": "MCP SDK", "/mcp_types/": "MCP SDK",
    "pydantic": "pydantic", "/json/": "JSON", "rfc8785": "JSON", "jsonschema": "JSON schema",
    "starlette/": "Starlette and anyio", "anyio/": "Starlette and anyio", "uvicorn/": "server", "h11/": "server",
    "daphne/": "server", "twisted/": "server", "asyncio/": "asyncio", "cryptography/": "cryptography",
}


def environment(folder: Path) -> dict[str, str]:
    """What a gateway must be started with to be sampled."""
    return {"PYTHONPATH": SAMPLER, "BENCH_SAMPLES": str(folder / "samples.json")}


def profile(gateway: Gateway, target: Target, load: Load, seconds: float) -> str:
    """A table of shares, largest first, and the processor time of a call."""
    path = Path(gateway.env["BENCH_SAMPLES"])
    load.turn(target, 1, 0.5)
    gateway.process.send_signal(signal.SIGUSR1)
    before = _processor_seconds(gateway.process.pid)
    turn = load.turn(target, 1, seconds)
    spent = _processor_seconds(gateway.process.pid) - before
    gateway.process.send_signal(signal.SIGUSR2)
    wait_for(path.exists, "the samples")
    shares = _shares(json.loads(path.read_text()))
    path.unlink()
    lines = [f"  {share:>4.0%}  {name}" for name, share in shares]
    of_it = spent / turn.calls / turn.p50
    return "\n".join([f"{target.name}: a call takes {of_it:.0%} of its time on the processor, of which", *lines])


def _shares(samples: dict[str, int]) -> list[tuple[str, float]]:
    parts: Counter[str] = Counter()
    for place, count in samples.items():
        thread, _, file = place.partition(" · ")
        parts[_part(file) if thread == "loop" else f"{_part(file)} (thread {thread.split('_')[0]})"] += count
    total = parts.total() or 1
    shares = [(name, count / total) for name, count in parts.most_common() if count / total >= SMALL]
    return [*shares, ("the rest", 1 - sum(share for _, share in shares))]


def _part(file: str) -> str:
    inside = file.partition("/site-packages")[2] or file
    return next((name for mark, name in PARTS.items() if mark in inside), "Python's own library, other")


def _processor_seconds(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100  # USER_HZ is 100 everywhere
