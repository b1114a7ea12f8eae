"""SQL statements, durable commits and connections of one governed call, by the part that made them.

`main` runs in a process of its own, in which every connection is watched, and prints
{"auto-approved": {part: [statements, commits, connections]}, "held": ...}, means over CALLS calls.
"""

import asyncio
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

CALLS = 10
SOON = 20.0
PARTS = {  # by the names of their threads
    "mcp-read": "bridge, reading", "mcp-write": "bridge, writing", "relay": "relay", "executor": "executor",
    "decision": "decision",
}
WRITES = ("INSERT", "UPDATE", "DELETE")

_statements, _commits, _opened = COUNTERS = Counter[str](), Counter[str](), Counter[str]()


def _part() -> str:
    name = threading.current_thread().name
    return next((part for start, part in PARTS.items() if name.startswith(start)), "")


def _count(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    connection = context["connection"]
    _statements[_part()] += 1
    if sql.lstrip().startswith(WRITES):
        if connection.in_atomic_block:
            connection.bench_wrote = True
        else:
            _commits[_part()] += 1
    return execute(sql, params, many, context)


def _watch(connection: Any, **kwargs: Any) -> None:
    _opened[_part()] += 1
    if _count in connection.execute_wrappers:
        return
    connection.execute_wrappers.append(_count)
    commit = connection._commit

    def counted() -> None:
        _commits[_part()] += getattr(connection, "bench_wrote", False)
        connection.bench_wrote = False
        commit()

    connection._commit = counted


def main() -> None:
    import django

    django.setup()
    from django.db import connections
    from django.db.backends.signals import connection_created

    connection_created.connect(_watch)
    connections.close_all()

    from governance import actions
    from governance.models import Agent, GovernanceRequest, Pause, User
    from governance.models.decisions import Source
    from governance.states import Verdict
    from governance.workflow import health, workers
    from mcp_bridge import gate, talk
    from mcp_bridge.auth import Caller

    agent, reviewer = Agent.objects.get(), User.objects.get(username="sarah")
    caller = Caller(agent.pk, agent.name, agent.team_id)
    health.BEAT_SECONDS = 1e6  # heartbeats belong to nobody's call
    watch, decider = ThreadPoolExecutor(1, "watch"), ThreadPoolExecutor(1, "decision")
    running = workers.start_workers()

    async def report(*note: object) -> None: ...

    async def call(tool: str, arguments: dict[str, Any]) -> None:
        result = await gate.govern(gate.Call(caller, tool, arguments, {}), talk.Client(report))
        assert not result.is_error, result.content[0].text

    def wait_until_it_waits() -> None:
        deadline = time.monotonic() + SOON
        while not Pause.objects.exists():
            assert time.monotonic() < deadline, "no call came to wait for a person"
            time.sleep(0.02)

    def decide() -> None:
        request = GovernanceRequest.objects.get(status="in_review")
        actions.decide(
            request, reviewer=User.objects.get(pk=reviewer.pk), verdict=Verdict.APPROVED, source=Source.WEBHOOK
        )

    async def approve_held() -> None:
        arguments = {"beneficiary_id": "BEN-101", "days": 1, "reason": "Papers are late."}
        held = asyncio.create_task(call("request_payment_extension", arguments))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(watch, wait_until_it_waits)
        await loop.run_in_executor(decider, decide)
        await held

    async def pass_through() -> None:
        await call("check_payment_status", {"beneficiary_id": "BEN-101"})

    async def count(one: Any) -> dict[str, list[float]]:
        await one()
        await asyncio.sleep(0.3)  # its workflow ends after its answer
        for counter in COUNTERS:
            counter.clear()
        for _ in range(CALLS):
            await one()
        await asyncio.sleep(0.3)
        return {
            part: [counter[part] / CALLS for counter in COUNTERS] for part in PARTS.values() if _statements[part]
        }

    async def both() -> dict[str, dict[str, list[float]]]:
        return {"auto-approved": await count(pass_through), "held": await count(approve_held)}

    counted = asyncio.run(both())
    running.stop()
    print(json.dumps(counted))
