"""The one event loop on which every connection lives: the server's own, else a background thread's."""

import asyncio
import threading
from collections.abc import Awaitable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from governance.errors import DownstreamUnknown

T = TypeVar("T")

_lock = threading.Lock()
_chosen: asyncio.AbstractEventLoop | None = None
_own: asyncio.AbstractEventLoop | None = None


def use_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    """From now on connections live on this loop, which a server runs. None: on the background thread's again."""
    global _chosen
    with _lock:
        _chosen = loop


def home() -> asyncio.AbstractEventLoop:
    """The loop to use; a background thread is started when no server runs one."""
    global _own
    chosen = _chosen
    if chosen is not None and chosen.is_running():
        return chosen
    with _lock:
        if _own is None or not _own.is_running():
            _own = _start()
        return _own


def _start() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    running = threading.Event()
    loop.call_soon(running.set)
    threading.Thread(target=loop.run_forever, name="tool-servers", daemon=True).start()
    running.wait()
    return loop


async def at_home(work: Coroutine[Any, Any, T]) -> T:
    """Awaits `work` on the home loop from any loop; on the home loop itself at no cost."""
    loop = home()
    if asyncio.get_running_loop() is loop:
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


def run_sync(work: Coroutine[Any, Any, T], timeout: float) -> T:
    """Runs `work` on the home loop for a caller on another thread, at most `timeout` seconds.

    Raises what the work raises, and DownstreamUnknown when it takes longer (it is cancelled then).
    """
    loop = home()
    if threading_loop() is loop:
        work.close()
        raise RuntimeError("run_sync was called on the loop itself, where it would wait for itself; await instead")
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result(timeout)
    except FutureTimeout:
        if future.done():  # the work's own TimeoutError
            raise
        future.cancel()
        raise DownstreamUnknown(f"The tool server gave no answer within {timeout:g} seconds.") from None


def threading_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs on this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def post(loop: asyncio.AbstractEventLoop, work: Awaitable[Any]) -> None:
    """Hands work to a loop and does not wait; dropped when that loop has ended."""
    if loop.is_closed() or not loop.is_running():
        work.close()
        return
    asyncio.run_coroutine_threadsafe(work, loop)
