"""What passes beside a call's result while its agent is still there: progress towards it, questions to it, its
cancellation to the tool.

The call itself may run on another thread or task than the one that holds the agent's answer; they meet here, by the
request's id, within one process. Without an agent that listens, progress is dropped and a question is declined.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from governance.errors import DownstreamUnknown

T = TypeVar("T")
Progress = Callable[[float, float | None, str | None], Awaitable[None]]
Question = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]

DECLINED: dict[str, Any] = {"action": "decline"}
CANCELLED = "The agent cancelled the call while it ran. Whether it had its effect is not known; a person must look."


@dataclass(frozen=True)
class Live:
    """How to reach the agent; `ask` is None when its client takes no questions."""

    loop: asyncio.AbstractEventLoop
    report: Progress | None = None
    ask: Question | None = None


_held: dict[UUID, Live] = {}
_running: dict[UUID, tuple[asyncio.AbstractEventLoop, "asyncio.Task[Any]"]] = {}


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
            await over_there(live.loop, live.report(done, total, message))

    return report


def question_of(request_id: UUID | None) -> Question | None:
    if request_id is None:
        return None

    async def ask(params: Mapping[str, Any]) -> dict[str, Any]:
        live = _held.get(request_id)
        if live is None or live.ask is None:
            return DECLINED
        return await over_there(live.loop, live.ask(params))

    return ask


async def cancellable(request_id: UUID | None, call: Coroutine[Any, Any, T]) -> T:
    """The call's result, unless `cancel` gives it up: then DownstreamUnknown, and the tool server is told."""
    task = asyncio.ensure_future(call)
    if request_id is not None:
        _running[request_id] = asyncio.get_running_loop(), task
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        raise
    finally:
        _running.pop(request_id, None)
    if task.cancelled():
        raise DownstreamUnknown(CANCELLED)
    return task.result()


def cancel(request_id: UUID) -> bool:
    """Gives up the running call of this request, from any thread. False when none runs in this process."""
    running = _running.get(request_id)
    if running is None or running[0].is_closed():
        return False
    running[0].call_soon_threadsafe(running[1].cancel)
    return True


async def over_there(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Awaits `work` on the loop that it belongs to."""
    if asyncio.get_running_loop() is loop:
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))
