"""A tool's progress reaches the agent, in the tool's own numbers and always rising."""

import asyncio
from uuid import uuid4

import pytest

from tests.mcp_bridge.agents import WAYS, connect, text_of
from tests.mcp_bridge.fronting import Front

Step = tuple[float, float | None, str | None]


class Steps(list[Step]):
    async def __call__(self, done: float, total: float | None, message: str | None) -> None:
        self.append((done, total, message))


@pytest.mark.parametrize("way", WAYS)
async def test_an_allowed_tools_progress_is_its_own(front: Front, way: str) -> None:
    steps = Steps()
    async with connect(front.url, way, front.token) as agent:
        async with asyncio.timeout(40):
            result = await agent.call_tool("open__progress", {}, progress_callback=steps)
    assert text_of(result) == "done"
    assert [step for step in steps if step[2] in ("half way", "there")] == [(1, 2, "half way"), (2, 2, "there")]


@pytest.mark.parametrize("way", ["sse", "http-2025", "http-2026"])
async def test_it_goes_on_from_the_gateways_own_notes(front: Front, way: str) -> None:
    steps = Steps()
    async with connect(front.url, way, front.token) as agent:
        async with asyncio.timeout(40):
            arguments = {"text": uuid4().hex}
            calling = asyncio.ensure_future(agent.call_tool("careful__progress", arguments, progress_callback=steps))
            while not steps:
                await asyncio.sleep(0.01)
            reference = steps[0][2].split("Ref: ")[1].split(")")[0]
            await asyncio.to_thread(front.approve, reference)
            await calling
    done = [step[0] for step in steps]
    assert [step[2] for step in steps][-2:] == ["half way", "there"]
    assert done == sorted(set(done))
