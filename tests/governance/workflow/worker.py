"""A process of its own that drives the real workflow function, for the tests that kill it.

    python -m tests.governance.workflow.worker

EFFECTS names a file that gets one line for every call of the tool; CRASH_AT one of POINTS, where the process kills
itself the first time it gets there. Ends at the end of its standard input.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlas_site.settings")
django.setup()

from django.conf import settings  # noqa: E402

from governance import actions  # noqa: E402
from governance.models import ToolServer  # noqa: E402
from governance.scoring.base import ProposedCall, Score  # noqa: E402
from governance.toolservers import ToolDefinition, ToolResult  # noqa: E402
from governance.workflow import outbox, workers  # noqa: E402
from governance.workflow.embedded import executor, ingest, results  # noqa: E402

RISK = int(os.environ.get("RISK", "90"))


class FixedScorer:
    version = "test"

    def score(self, call: ProposedCall) -> Score:
        high = RISK >= 70
        return Score(
            risk_score=RISK, classification="HIGH_RISK" if high else "LOW_RISK", action="PAUSE" if high else "ALLOW",
            rationale="As the test says.", scorer="fixed", version="test",
        )


class CountingServer:
    def __init__(self, server: ToolServer) -> None:
        pass

    def list_tools(self) -> list[ToolDefinition]:
        return []

    def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        with open(os.environ["EFFECTS"], "a", encoding="utf-8") as file:
            file.write(f"{arguments['beneficiary_id']}\n")
        if os.environ.get("CRASH_AT") == "in the tool":
            die()
        return ToolResult(content=[{"type": "text", "text": "Done."}])


def die(*args: Any, **options: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(module: Any, name: str) -> None:
    setattr(module, name, die)


def after(module: Any, name: str) -> None:
    original = getattr(module, name)

    def run_and_die(*args: Any, **options: Any) -> None:
        original(*args, **options)
        die()

    setattr(module, name, run_and_die)


POINTS: dict[str, Callable[[], None]] = {
    "relay before commit": lambda: after(outbox, "_mark_sent"),
    "event before commit": lambda: after(ingest, "start_run"),
    "in step before its effect": lambda: before(actions, "assess"),
    "in step after its effect": lambda: after(actions, "assess"),
    "result before commit": lambda: after(results, "keep_memo"),
    "result after commit": lambda: after(executor, "record"),
    "finalize before": lambda: before(actions, "finalize"),
    "finalize after": lambda: after(actions, "finalize"),
}

if __name__ == "__main__":
    settings.SCORERS = {settings.SCORER: f"{__spec__.name}.FixedScorer"}
    settings.TOOL_SERVERS = {"welfare": f"{__spec__.name}.CountingServer"}
    POINTS.get(os.environ.get("CRASH_AT", ""), lambda: None)()
    running = workers.start_workers()
    print("ready", flush=True)
    sys.stdin.read()
    running.stop()
