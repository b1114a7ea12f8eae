"""A process that does the gateway's work without the gateway, on a database of the same kind and the same disk.

    commits   durable commits of one small row each: what no design can do without
    verbs     the governed call by its verbs alone, in one process: the same rows, rules and tool, without MCP, without
              a durable workflow, without anybody who waits

`Beside` starts it and asks; the process itself is this module run with `-m`. One JSON line in, one out.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from tests.gateway import ROOT, clean_env, drop_database, new_database

AGENT, TOOL = "demo-agent", "check_payment_status"
PEOPLE = ["BEN-101", "BEN-108", "BEN-115", "BEN-123", "BEN-131", "BEN-140", "BEN-167", "BEN-174"]
ROW = "x" * 600  # about an evidence entry


class Beside:
    def __init__(self, folder: Path) -> None:
        env, _, self._database = new_database(folder)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.beside"], cwd=ROOT, text=True, env=clean_env(**env),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,  # Ctrl-C is the bench's to handle
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        if self._database:
            drop_database(self._database)

    def seconds(self, what: str, count: int, threads: int = 1) -> float:
        """How long `count` of them took together."""
        self._process.stdin.write(json.dumps([what, count, threads]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process beside has ended; its error stands above")
        return json.loads(answer)


def _commits(count: int, number: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute("INSERT INTO bench_floor (body) VALUES (%s)", [ROW])


def _verbs(count: int, number: int) -> None:
    from governance import actions
    from governance.models import Agent, Tool
    from governance.workflow.function import assess, execute

    agent, tool = Agent.objects.get(name=AGENT), Tool.objects.select_related("server").get(name=TOOL)
    for _ in range(count):
        arguments = {"beneficiary_id": PEOPLE[number]}
        request, _ = actions.receive(agent=agent, tool=tool, arguments=arguments, stated_reason="A citizen asks.")
        assess(str(request.pk))
        actions.triage(request.pk)
        actions.finalize(request.pk)
        execute(str(request.pk))
        status = actions.record_outcome(request.pk)
        if status != "succeeded":
            raise RuntimeError(f"a call by its verbs ended as {status}")


WORK: dict[str, Any] = {"commits": _commits, "verbs": _verbs}


def serve() -> None:
    import django

    django.setup()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_floor (body text NOT NULL)")
    pools: dict[int, ThreadPoolExecutor] = {}
    for line in sys.stdin:
        what, count, threads = json.loads(line)
        pool = pools.setdefault(threads, ThreadPoolExecutor(threads))
        list(pool.map(WORK[what], [0] * threads, range(threads)))  # every thread has its connection
        begun = time.perf_counter()
        list(pool.map(WORK[what], [count // threads] * threads, range(threads)))
        print(json.dumps(time.perf_counter() - begun), flush=True)


if __name__ == "__main__":
    serve()
