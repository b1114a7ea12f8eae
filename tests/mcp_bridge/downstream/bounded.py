"""Bounded waiting on the event loop."""

import asyncio
from collections.abc import Callable
from typing import Any


async def until(look: Callable[[], Any], seconds: float = 20) -> Any:
    """The first true value of `look`."""
    async with asyncio.timeout(seconds):
        while not (value := look()):
            await asyncio.sleep(0.02)
    return value
