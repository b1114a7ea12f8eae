"""Calls while connections are dropped on both sides of the gateway: nothing may be lost, and nothing run twice."""

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.proxy.faulty import UNANSWERED, Faulty
from tests.bench.proxy.governed import governed
from tests.bench.proxy.wire import Target
from tests.gateway import ROOT, Gateway, clean_env

# How a call may end, by what the network did with it. What it never saw had no connection, or one that just closed.
ENDS = {
    "passed": ("succeeded",), "idle": ("succeeded",), **dict.fromkeys(UNANSWERED, ("outcome_unknown",)),
    "never seen": ("failed", "outcome_unknown"),
}
CALL_SECONDS = 0.5  # more than a call takes on a busy machine; bounds the whole
LEAST_SECONDS = 120

# Waits until no call is open any more, at most so long; then [text, status, executions, has it returned] of each.
_ROWS = """
import json, time
from governance.models import GovernanceRequest
requests = GovernanceRequest.objects.filter(tool__exposed_name={tool!r})
end = time.monotonic() + 60
while requests.open().exists() and time.monotonic() < end:
    time.sleep(0.2)
print(json.dumps([
    [request.arguments["text"], request.status, hasattr(request, "execution"),
     hasattr(request, "execution") and request.execution.has_returned]
    for request in requests.select_related("execution")
]))
"""


@dataclass(frozen=True)
class Row:
    text: str
    status: str
    has_execution: bool
    has_returned: bool


@dataclass(frozen=True)
class Aftermath:
    """What the client, the network, the tool server and the gateway's database say of the same calls, by their text."""

    answers: dict[str, str]
    dropped: list[str]
    fates: dict[str, str]
    runs: dict[str, int]
    rows: list[Row]

    def problems(self) -> list[str]:
        """One sentence for every outcome that was lost and everything else that may not be; none is the aim."""
        return [*self._rows_of_runs(), *self._ends(), *self._answered()]

    def _rows_of_runs(self) -> Iterable[str]:
        known = Counter(row.text for row in self.rows)
        yield from (f"{text} ran {count} times" for text, count in self.runs.items() if count > 1)
        yield from (f"{text} ran and has no row" for text in self.runs if text not in known)
        yield from (f"{text} has {count} rows" for text, count in known.items() if count > 1)
        yield from (f"{row.text} has no execution ({row.status})" for row in self.rows if not row.has_execution)
        yield from (f"{row.text} never returned ({row.status})" for row in self.rows if not row.has_returned)

    def _ends(self) -> Iterable[str]:
        for row in self.rows:
            fate = self.fates.get(row.text, "never seen")
            if row.status not in ENDS[fate]:
                yield f"{row.text} was {fate} on its way to the tool server and ended as {row.status}"

    def _answered(self) -> Iterable[str]:
        status = {row.text: row.status for row in self.rows}
        for text, answer in self.answers.items():
            if (answer == "right") != (status.get(text) == "succeeded"):
                yield f"{text} was answered ({answer[:300]}) and its row says {status.get(text)}"

    def summary(self) -> str:
        fates, ends = Counter(self.fates.values()), Counter(row.status for row in self.rows)
        return (
            f"{len(self.answers) + len(self.dropped):,} calls, the client dropped {len(self.dropped):,}; towards the "
            f"tool server {_listed(fates)}; ended as {_listed(ends)}; lost or wrong: {len(self.problems())}"
        )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))


def drop(software: str, folder: Path, count: int, seed: int = 1) -> Aftermath:
    """So many calls through a gateway of its own; `problems()` of the answer says what went wrong."""
    folder.mkdir(parents=True)
    server = Gateway(folder, "uvicorn", clean_env(), {}, application="tests.bench.proxy.direct:application")
    try:
        server.start()
        with (
            Faulty(server.port, seed) as network,
            governed(software, network.url, folder / "gateway") as (gateway, target),
        ):
            said = _call(target, count, seed)
            rows = json.loads(gateway.python(_ROWS.format(tool=target.tool)))
            with urllib.request.urlopen(f"{server.url}/runs", timeout=60) as response:
                runs = json.load(response)
            return Aftermath(said["answers"], said["dropped"], network.fates, runs, [Row(*row) for row in rows])
    finally:
        server.close()


def _call(target: Target, count: int, seed: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.proxy.dropping", json.dumps(target.as_json()), str(count), str(seed)],
        cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=LEAST_SECONDS + CALL_SECONDS * count,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)
