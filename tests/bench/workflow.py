"""The governed call from end to end: how soon the workflow begins, how fast calls pass, how fast a decision arrives."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from tests.bench.beside import PEOPLE, TOOL, Beside
from tests.bench.figures import Figure
from tests.bench.rows import Rows
from tests.bench.turns import turns
from tests.bench.wire import Client, Connection, WireError, clients
from tests.gateway import Gateway

FIRST_STEP_BAR, HELD_BAR = 0.1, 0.25  # seconds
STEP_COMMITS = 3  # between an event's row and its first step: the call's own, the relay's, the run's
# Between a decision and its result: the decision's own, the relay's, the resumed run's, the row read again, finalized
# and its memo, the claim, the tool's change, its return and its memo, the outcome.
HELD_COMMITS = 11
CALLS = {1: 8, 8: 24}  # by concurrency
STEPS = 6
DECISIONS = 3
SOON = 20.0


async def measure(gateway: Gateway, bare: Gateway, beside: Beside, rounds: int) -> list[Figure]:
    with Rows(gateway) as rows:
        return [
            *await _first_step(gateway, beside, rows, rounds),
            *await _throughput(gateway, beside, rounds),
            *await _held(gateway, bare, beside, rows, rounds),
            *await _raced(gateway, rows, rounds),
        ]


async def _first_step(gateway: Gateway, beside: Beside, rows: Rows, rounds: int) -> list[Figure]:
    bar = Figure("event → first step", "the bar of 100 ms", is_bar=True)
    floor = Figure("event → first step", f"{STEP_COMMITS} durable commits, as many as lie between")
    async with clients("SSE", gateway.port, gateway.agent_token) as (client,):
        await _pass(client, 0)
        for _ in turns(rounds):
            ours = median([rows.seconds_to_first_step(await _pass(client, 0)) for _ in range(STEPS)])
            theirs = beside.seconds("commits", STEP_COMMITS * STEPS) / STEPS
            bar.rounds.append((ours, FIRST_STEP_BAR))
            floor.rounds.append((ours, theirs))
    return [bar, floor]


async def _throughput(gateway: Gateway, beside: Beside, rounds: int) -> list[Figure]:
    figures = []
    for concurrency, count in CALLS.items():
        figure = Figure(
            f"auto-approved calls/s, {concurrency} at once",
            "the same verbs in one process, no MCP, no durable workflow",
        )
        async with clients("SSE", gateway.port, gateway.agent_token, concurrency) as group:
            await _calls_per_second(group, concurrency)
            for _ in turns(rounds):
                ours = await _calls_per_second(group, count)
                figure.rounds.append((ours, count / beside.seconds("verbs", count, concurrency)))
        figures.append(figure)
    return figures


async def _calls_per_second(group: list[Client], count: int) -> float:
    async def some(client: Client, person: int) -> None:
        for _ in range(count // len(group)):
            await _pass(client, person)

    begun = time.perf_counter()
    await asyncio.gather(*(some(client, person) for person, client in enumerate(group)))
    return count / (time.perf_counter() - begun)


async def _pass(client: Client, person: int) -> str:
    """A call of low risk, from its start to the tool's real result; its reference."""
    result = await client.call(TOOL, {"beneficiary_id": PEOPLE[person], "governance_reason": "A citizen asks."})
    return _ran(result)


def _ran(result: dict[str, Any]) -> str:
    if result.get("isError"):
        raise WireError(f"the call was not executed: {result['content'][0]['text'][:300]}")
    return result["_meta"]["atlas/reference"]


async def _held(gateway: Gateway, bare: Gateway, beside: Beside, rows: Rows, rounds: int) -> list[Figure]:
    figures = []
    for transport in ("SSE", "HTTP 2026"):
        bar = Figure(f"decision → held result, {transport}", "the bar of 250 ms", is_bar=True)
        name = f"decision → held result, {transport}"
        floor = Figure(name, f"{HELD_COMMITS} durable commits, as many as lie between")
        peer = Figure(name, "a bare SDK server that holds and releases in memory")
        async with (
            clients(transport, gateway.port, gateway.agent_token) as (ours,),
            clients(transport, bare.port, "") as (theirs,),
        ):
            for _ in turns(rounds):
                held = median([(await _decide(gateway, ours, rows.waiting))[0] for _ in range(DECISIONS)])
                bar.rounds.append((held, HELD_BAR))
                floor.rounds.append((held, beside.seconds("commits", HELD_COMMITS * DECISIONS) / DECISIONS))
                peer.rounds.append((held, median([await _release(bare, theirs) for _ in range(DECISIONS)])))
        figures += [bar, floor, peer]
    return figures


async def _raced(gateway: Gateway, rows: Rows, rounds: int) -> list[Figure]:
    """The decision comes the moment the request shows as in review, before the workflow has begun to wait."""
    bar = Figure("decision → held result, SSE, decided too soon", "the bar of 250 ms", is_bar=True)
    nudged = []
    async with clients("SSE", gateway.port, gateway.agent_token) as (client,):
        for _ in turns(rounds):
            raced = [await _decide(gateway, client, rows.in_review) for _ in range(DECISIONS)]
            bar.rounds.append((median([seconds for seconds, _ in raced]), HELD_BAR))
            nudged += [rows.decision_events(reference) > 1 for _, reference in raced]
    bar.name += f" ({sum(nudged)} of {len(nudged)} nudged)"
    return [bar]


async def _decide(gateway: Gateway, client: Client, is_ripe: Callable[[], str]) -> tuple[float, str]:
    """Approves a held call; the seconds from the webhook's POST to the client's result, and the reference."""
    webhook = await Connection(gateway.port, gateway.api_token).open()
    call = asyncio.create_task(
        client.call("request_payment_extension", {"beneficiary_id": PEOPLE[0], "days": 1, "reason": "Papers are late."})
    )
    reference = await _until(is_ripe, call)
    body = json.dumps({"event_id": reference, "decision": "APPROVED"}).encode()
    begun = time.perf_counter()
    status, _, text = await webhook.post("/webhook/approval", "Content-Type: application/json\r\n", body)
    result = await call
    seconds = time.perf_counter() - begun
    await webhook.close()
    if status != 200 or _ran(result) != reference:
        raise WireError(f"the decision on {reference} was not taken: {status} {text[:300]!r}")
    return seconds, reference


async def _release(bare: Gateway, client: Client) -> float:
    release = await Connection(bare.port, "").open()
    call = asyncio.create_task(client.call("hold", {}))

    async def is_held() -> bool:
        return (await release.post("/health/live", "", b""))[2] == b"1"

    while not await is_held():
        await asyncio.sleep(0.002)
    begun = time.perf_counter()
    await release.post("/release", "", b"")
    await call
    seconds = time.perf_counter() - begun
    await release.close()
    return seconds


async def _until(look: Callable[[], str], call: Awaitable[Any]) -> str:
    deadline = time.monotonic() + SOON
    while not (found := look()):
        if time.monotonic() > deadline:
            raise WireError("no call came to wait for a person")
        await asyncio.sleep(0.001)
    return found
