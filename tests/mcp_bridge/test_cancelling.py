"""A client that takes its call back, and one that merely goes away."""

import asyncio
from uuid import uuid4

import pytest

from tests.mcp_bridge.agents import Held, connect, wait_for_status
from tests.mcp_bridge.fronting import Front
from tests.waiting import wait_for

CAN_SAY_SO = ["sse", "sse-2026", "http-2025"]  # 2026-07-28 over HTTP has no message for it


@pytest.mark.parametrize("way", CAN_SAY_SO)
async def test_a_call_that_its_client_cancels_is_taken_back(front: Front, way: str) -> None:
    async with connect(front.url, way, front.token) as agent:
        held = Held(agent, "careful__echo", {"text": uuid4().hex})
        reference = await held.reference()
        held.cancel()  # the SDK's client says so: notifications/cancelled
        await wait_for_status(agent, reference, "cancelled")


@pytest.mark.parametrize("way", CAN_SAY_SO)
async def test_cancelling_a_running_call_reaches_the_tool(front: Front, way: str) -> None:
    text = uuid4().hex
    async with connect(front.url, way, front.token) as agent:
        before = front.server.calls["slow"]
        calling = asyncio.ensure_future(agent.call_tool("open__slow", {"text": text}))
        await asyncio.to_thread(wait_for, lambda: front.server.calls["slow"] > before, "the tool to run")
        calling.cancel()
        await asyncio.to_thread(wait_for, lambda: text in front.server.cancelled, "the tool to be cancelled")


async def test_an_approved_call_is_cancelled_while_it_runs(front: Front) -> None:
    text = uuid4().hex
    async with connect(front.url, "http-2025", front.token) as agent:
        before = front.server.calls["slow"]
        held = Held(agent, "careful__slow", {"text": text})
        reference = await held.reference()
        await asyncio.to_thread(front.approve, reference)
        await asyncio.to_thread(wait_for, lambda: front.server.calls["slow"] > before, "the tool to run")
        held.cancel()
        await asyncio.to_thread(wait_for, lambda: text in front.server.cancelled, "the tool to be cancelled")
        await wait_for_status(agent, reference, "outcome_unknown")


@pytest.mark.parametrize("way", ["sse", "http-2025", "http-2026"])
async def test_a_client_that_goes_away_takes_nothing_back(front: Front, way: str) -> None:
    async with connect(front.url, way, front.token) as agent:
        held = Held(agent, "careful__echo", {"text": uuid4().hex})
        reference = await held.reference()
        if way == "http-2026":
            held.cancel()  # on this wire the client can only close the stream
    async with connect(front.url, "http-2025", front.token) as later:
        await asyncio.to_thread(front.approve, reference)
        await wait_for_status(later, reference, "succeeded")
    await held.ended()
