"""tools/call on check_status: the gateway and a bare SDK server take turns, session for session."""

import asyncio
import time

from tests.bench.figures import Figure
from tests.bench.turns import turns
from tests.bench.wire import TRANSPORTS, Client, clients
from tests.gateway import Gateway

CALLS = {1: 40, 8: 160}  # by concurrency: short turns, so that both sides meet the same weather


async def measure(gateway: Gateway, bare: Gateway, rounds: int) -> list[Figure]:
    figures = []
    for transport in TRANSPORTS:
        for concurrency, count in CALLS.items():
            what = "calls/s" if concurrency > 1 else "p50 per call"
            figure = Figure(
                f"check_status, {transport}, {concurrency} at once: {what}", f"a bare SDK server on {gateway.server}"
            )
            async with (
                clients(transport, gateway.port, gateway.agent_token, concurrency) as ours,
                clients(transport, bare.port, "", concurrency) as theirs,
            ):
                for group in (ours, theirs):
                    await _times(group, 8 * concurrency)  # warm
                for _ in turns(rounds):
                    figure.rounds.append((await _measure(ours, count), await _measure(theirs, count)))
            figures.append(figure)
    return figures


async def _measure(group: list[Client], count: int) -> float:
    """Seconds of the median call when alone, else calls per second of all together."""
    begun = time.perf_counter()
    times = await _times(group, count)
    return sorted(times)[len(times) // 2] if len(group) == 1 else count / (time.perf_counter() - begun)


async def _times(group: list[Client], count: int) -> list[float]:
    async def some(client: Client) -> list[float]:
        times = []
        for _ in range(count // len(group)):
            begun = time.perf_counter()
            await client.call("check_status", {})
            times.append(time.perf_counter() - begun)
        return times

    return [one for times in await asyncio.gather(*map(some, group)) for one in times]
