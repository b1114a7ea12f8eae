"""wait_for_decision and cancel_request, the gateway's own tools beside check_status."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.mcp_bridge.agents import WAYS, Held, connect, text_of, wait_for_status
from tests.mcp_bridge.fronting import Front

ways = pytest.mark.parametrize("way", WAYS)


async def pending(agent: Any) -> str:
    """The reference of a call that waits."""
    held = Held(agent, "careful__echo", {"text": uuid4().hex})
    return await held.reference()


@ways
async def test_waiting_ends_with_the_real_result(front: Front, way: str) -> None:
    notes: list[str] = []

    async def note(done: float, total: float | None, message: str | None) -> None:
        notes.append(message or "")

    async with connect(front.url, way, front.token) as agent:
        reference = await pending(agent)
        waiting = asyncio.ensure_future(
            agent.call_tool("wait_for_decision", {"reference": reference, "seconds": 45}, progress_callback=note)
        )
        async with asyncio.timeout(30):
            while not notes:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(front.approve, reference)
            answer = await waiting
    assert answer.structured_content["status"] == "succeeded"
    assert answer.structured_content["result"]["content"][0]["type"] == "text"
    assert reference in notes[0]


@ways
async def test_waiting_ends_with_its_time(front: Front, way: str) -> None:
    async with connect(front.url, way, front.token) as agent:
        reference = await pending(agent)
        answer = await agent.call_tool("wait_for_decision", {"reference": reference, "seconds": 0.2})
    assert answer.structured_content["status"] in ("received", "in_review")
    assert not answer.is_error


@ways
async def test_a_cancelled_request_never_runs(front: Front, way: str) -> None:
    async with connect(front.url, way, front.token) as agent:
        reference = await pending(agent)
        for _ in range(2):
            answer = await agent.call_tool("cancel_request", {"reference": reference, "reason": "Not needed."})
            assert answer.structured_content["status"] == "cancelled"
        assert text_of(answer).startswith(f"CANCELLED (Ref: {reference}).")
    status, _ = await asyncio.to_thread(front.gateway.decide, reference, "APPROVED")
    assert status == 409


async def test_what_was_decided_cannot_be_cancelled(front: Front) -> None:
    async with connect(front.url, "http-2026", front.token) as agent:
        reference = await pending(agent)
        await asyncio.to_thread(front.approve, reference)
        await wait_for_status(agent, reference, "succeeded")
        answer = await agent.call_tool("cancel_request", {"reference": reference})
    assert answer.is_error
    assert "cannot be cancelled any more" in text_of(answer)


@pytest.mark.parametrize("tool", ["wait_for_decision", "cancel_request"])
@pytest.mark.parametrize(("arguments", "says"), [
    ({}, "reference must be a string"),
    ({"reference": 5}, "reference must be a string"),
    ({"reference": "evt_0000000000000000"}, "No such reference among your requests"),
    ({"reference": "evt_1", "why": 1}, "takes `reference` and"),
])  # fmt: skip
async def test_bad_arguments_are_an_error(front: Front, tool: str, arguments: dict, says: str) -> None:
    async with connect(front.url, "http-2026", front.token) as agent:
        answer = await agent.call_tool(tool, arguments)
    assert answer.is_error
    assert says in text_of(answer)


@pytest.mark.parametrize("seconds", [46, -1, "9", True])
async def test_waiting_is_bounded(front: Front, seconds: object) -> None:
    async with connect(front.url, "http-2026", front.token) as agent:
        answer = await agent.call_tool("wait_for_decision", {"reference": "evt_0", "seconds": seconds})
    assert answer.is_error
    assert "from 0 to 45" in text_of(answer)
