"""A stop signal ends the server soon, with agents connected and calls held; the requests live on."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from uuid import uuid4

import pytest
from mcp import MCPError

from tests.gateway import Gateway
from tests.mcp_bridge.agents import WAYS, Held, connect, wait_for_status

# Generous for a busy machine; a server that waits for its agents would never end at all.
SOON = 10.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
async def test_a_stop_signal_ends_held_calls_but_not_their_requests(
    make_gateway: Callable[..., Gateway], server: str, number: signal.Signals
) -> None:
    gateway = make_gateway(server, ATLAS_HOLD_SECONDS="45")
    references = []
    with suppress(Exception):  # clients see a cut connection, each in its own words
        async with AsyncExitStack() as stack:
            agents = [
                await stack.enter_async_context(connect(gateway.url, way, gateway.agent_token)) for way in WAYS
            ]
            held = [
                Held(agent, "request_payment_extension", {"beneficiary_id": "BEN-123", "reason": uuid4().hex})
                for agent in agents
            ]
            references = [await call.reference() for call in held]
            await asyncio.to_thread(gateway.stop, number, SOON)
            for call in held:
                call.cancel()
    assert len(references) == len(WAYS)
    assert gateway.process.poll() is not None
    assert "Traceback" not in gateway.log, gateway.log

    gateway.start()
    async with connect(gateway.url, "http-2026", gateway.agent_token) as agent:
        await wait_for_status(agent, references[0], "in_review")
        assert (await asyncio.to_thread(gateway.decide, references[0], "APPROVED"))[0] == 200
        done = await wait_for_status(agent, references[0], "succeeded")
    assert done.structured_content["result"]["structuredContent"]["beneficiary_id"] == "BEN-123"


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_goes_away_leaves_its_request(make_gateway: Callable[..., Gateway], way: str) -> None:
    """It loses its connection; it does not cancel the call, which would take it back."""
    gateway = make_gateway(ATLAS_HOLD_SECONDS="45")
    with suppress(MCPError, asyncio.CancelledError):
        async with connect(gateway.url, way, gateway.agent_token) as agent:
            held = Held(agent, "request_payment_extension", {"beneficiary_id": "BEN-123", "reason": way})
            reference = await held.reference()
    held.cancel()
    await held.ended()
    async with connect(gateway.url, way, gateway.agent_token) as agent:
        await wait_for_status(agent, reference, "in_review")
        await asyncio.to_thread(gateway.decide, reference, "APPROVED")
        await wait_for_status(agent, reference, "succeeded")


async def test_unfinished_requests_go_on_at_start_without_any_request_of_an_agent(
    make_gateway: Callable[..., Gateway],
) -> None:
    """The process dies between receiving and scoring; the next one finishes what the first began."""
    gateway = make_gateway(ATLAS_HOLD_SECONDS="0", ATLAS_RUN_WORKERS="0")
    async with connect(gateway.url, "http-2026", gateway.agent_token) as agent:
        pending = await agent.call_tool("check_payment_status", {"beneficiary_id": "BEN-123"})
    assert pending.structured_content["status"] == "received"
    gateway.kill()
    gateway.env["ATLAS_RUN_WORKERS"] = "1"
    gateway.start()
    shown = await asyncio.to_thread(gateway.python, """
import time
from governance.models import GovernanceRequest
end = time.monotonic() + 30
while (status := GovernanceRequest.objects.get().status) != "succeeded" and time.monotonic() < end:
    time.sleep(0.05)
print(status)
""")
    assert shown.strip() == "succeeded"
