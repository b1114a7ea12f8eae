"""What an idle SSE session costs: resident memory, beside the same sessions on a bare SDK server."""

import asyncio
import resource
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.wire import Connection, SseClient
from tests.gateway import Gateway

SESSIONS = 1000
WARM = 50
SPARE_FILES = 200


def allowed_sessions() -> int:
    """How many sessions the limit of open files allows on both ends, after raising it as far as one may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = SESSIONS + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return SESSIONS if soft == resource.RLIM_INFINITY else max(0, min(SESSIONS, soft - SPARE_FILES))


async def measure(gateway: Gateway, bare: Gateway, sessions: int) -> list[Figure]:
    """Both must be fresh processes: memory that was once used is not given back."""
    ours, theirs = await asyncio.gather(
        _bytes_per_session(gateway, gateway.agent_token, sessions), _bytes_per_session(bare, "", sessions)
    )
    figure = Figure(f"memory of an idle SSE session, {sessions:,} open", f"a bare SDK server on {gateway.server}")
    figure.rounds.append((ours, theirs))
    return [figure]


async def _bytes_per_session(server: Gateway, token: str, sessions: int) -> float:
    async with AsyncExitStack() as stack:
        post = await Connection(server.port, token).open()
        stack.push_async_callback(post.close)
        await _open(server, token, post, WARM, stack)
        before = resident_bytes(server.process.pid)
        await _open(server, token, post, sessions, stack)
        return (resident_bytes(server.process.pid) - before) / sessions


async def _open(server: Gateway, token: str, post: Connection, count: int, stack: AsyncExitStack) -> None:
    for _ in range(count):
        client = SseClient(server.port, token, post)
        stack.push_async_callback(client.close)
        await client.open()


def resident_bytes(pid: int) -> int:
    """VmRSS on Linux; elsewhere FileNotFoundError."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} says nothing about its memory")
