"""Pools on the test's own loop."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mcp_bridge.downstream.remote import Pool, use_loop


@pytest.fixture
def changes() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def pool(changes: list[tuple[str, str]]) -> AsyncIterator[Pool]:
    use_loop(asyncio.get_running_loop())
    made = Pool(on_changed=lambda key, what: changes.append((key, what)))
    yield made
    await made.close_all()
    use_loop(None)
