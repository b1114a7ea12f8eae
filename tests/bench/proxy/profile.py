"""Where the time of a call goes: py-spy looks at the gateway's busy threads while one caller calls.

Linux and macOS. It must be allowed to trace another process: root, or kernel.yama.ptrace_scope=0.
"""

import re
import subprocess
from collections import Counter
from pathlib import Path

from tests.bench.proxy.load import Load
from tests.bench.proxy.wire import Target
from tests.gateway import Gateway

PER_SECOND = 500
SMALL = 0.01  # shares below it are one line
_FILE = re.compile(r"\(([^()]*?)(?::\d+)?\)$")
WAITS = {  # innermost frames that wait or wake, by the end of their file
    "selectors.py": "asking the network (select)", "threading.py": "handing over between threads",
    "queue.py": "handing over between threads", "concurrent/futures/thread.py": "handing over between threads",
    "asyncio/selector_events.py": "sockets and waking the loop", "epollreactor.py": "asking the network (select)",
}
COMMIT = "_commit (django/db/backends/base/base.py"
PARTS = {  # else the innermost frame whose file begins so; the first that fits
    "governance/evidence": "evidence", "governance/canonical.py": "canonical JSON, hashes",
    "rfc8785": "canonical JSON, hashes", "governance": "our verbs and policy",
    "mcp_bridge/downstream": "our downstream client", "mcp_bridge": "our bridge", "atlas_site": "our bridge",
    "django/db": "Django's database layer", "django": "Django, other", "aiohttp": "aiohttp",
    "mcp": "MCP SDK and pydantic", "pydantic": "MCP SDK and pydantic", "jsonschema": "JSON schema",
    "referencing": "JSON schema", "starlette": "Starlette and anyio", "anyio": "Starlette and anyio",
    "sniffio": "Starlette and anyio", "uvicorn": "server", "h11": "server", "daphne": "server", "twisted": "server",
    "asyncio": "asyncio",
}  # fmt: skip
ON_THE_WAY = {"MainThread": "", "mcp-writer": "writer: ", "mcp-read": "reader: "}


def profile(gateway: Gateway, target: Target, load: Load, spy: Path, folder: Path, seconds: int) -> str:
    """A table of shares, largest first. What py-spy has to say when it may not look."""
    load.turn(target, 1, 0.5)
    found = folder / "stacks.txt"
    command = [
        str(spy), "record", "--pid", str(gateway.process.pid), "--format", "raw", "--threads", "--nonblocking",
        "--rate", str(PER_SECOND), "--duration", str(seconds), "--output", str(found),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        load.turn(target, 1, seconds + 1.0)
        _, error = process.communicate(timeout=60)
    if process.returncode or not found.exists():
        return f"{target.name}: no profile. {error.strip()[-500:]}"
    lines = [f"  {share:>4.0%}  {name}" for name, share in _shares(found.read_text())]
    return "\n".join([f"{target.name}: what its busy threads do during a call", *lines])


def _shares(stacks: str) -> list[tuple[str, float]]:
    """Of py-spy's lines "thread;outer frame;…;inner frame count"."""
    parts: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        parts[_part(stack.split(";"))] += int(count)
    total = parts.total() or 1
    shares = [(name, count / total) for name, count in parts.most_common() if count / total >= SMALL]
    return [*shares, ("the rest", 1 - sum(share for _, share in shares))]


def _part(stack: list[str]) -> str:
    thread, inner = stack[0].partition(": ")[2], stack[-1]
    where = next((prefix for name, prefix in ON_THE_WAY.items() if thread.startswith(name)), None)
    if where is None:
        return "background threads"
    if COMMIT in inner:
        return f"{where}the durable commit"
    file = _file(inner)
    if waits := next((name for end, name in WAITS.items() if file.endswith(end)), ""):
        return where + waits
    files = (_file(frame) for frame in reversed(stack[1:]))
    return where + next((name for file in files for start, name in PARTS.items() if file.startswith(start)), "Python")


def _file(frame: str) -> str:
    """As py-spy shortens it: from the package's or the project's folder on."""
    found = _FILE.search(frame)
    return found[1] if found else ""
