"""What passes beside a call's result while its agent is still there: progress towards it, questions to it.

The call itself may run on another thread or task than the one that holds the agent's answer; they meet here, by the
request's id, within one process. Without an agent that listens, progress is dropped and a question is declined.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

Progress = Callable[[float, float | None, str | None], Awaitable[None]]
Question = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]

DECLINED: dict[str, Any] = {"action": "decline"}


@dataclass(frozen=True)
class Live:
    """How to reach the agent; `ask` is None when its client takes no questions."""

    loop: asyncio.AbstractEventLoop
    report: Progress | None = None
    ask: Question | None = None


_held: dict[UUID, Live] = {}


@contextmanager
def held(request_id: UUID, *, report: Progress | None = None, ask: Question | None = None) -> Iterator[None]:
    """While inside, the running call of this request reaches the agent through these two."""
    mine = Live(asyncio.get_running_loop(), report, ask)
    _held[request_id] = mine
    try:
        yield
    finally:
        if _held.get(request_id) is mine:
            del _held[request_id]


def progress_of(request_id: UUID | None) -> Progress | None:
    """Passes a call's progress on to whoever holds it at that moment."""
    if request_id is None:
        return None

    async def report(done: float, total: float | None, message: str | None) -> None:
        live = _held.get(request_id)
        if live and live.report:
            await _over_there(live, live.report(done, total, message))

    return report


def question_of(request_id: UUID | None) -> Question | None:
    if request_id is None:
        return None

    async def ask(params: Mapping[str, Any]) -> dict[str, Any]:
        live = _held.get(request_id)
        if live is None or live.ask is None:
            return DECLINED
        return await _over_there(live, live.ask(params))

    return ask


async def _over_there(live: Live, work: Any) -> Any:
    if asyncio.get_running_loop() is live.loop:
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, live.loop))
