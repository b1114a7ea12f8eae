"""Governed calls over both transports and both protocol eras, under both servers."""

import asyncio
import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from mcp import MCPError

from tests.gateway import Gateway, start_gateway
from tests.mcp_bridge.agents import REFERENCE, WAYS, Held, connect, text_of, wait_for_status

pytestmark = pytest.mark.parametrize("way", WAYS)


def extension() -> dict[str, object]:
    """High risk, and no other test's call."""
    return {"beneficiary_id": "BEN-123", "reason": f"Surgery of {uuid4().hex}", "days": 30}


async def test_an_agent_sees_its_tools_and_may_say_why(gateway: Gateway, way: str) -> None:
    async with connect(gateway.url, way, gateway.agent_token) as agent:
        listing = await agent.list_tools()
        assert "PENDING REVIEW" in agent.instructions
    tools = {tool.name: tool for tool in listing.tools}
    assert {"check_status", "check_payment_status", "request_extension", "request_payment_extension",
            "modify_welfare_record"} <= set(tools)
    assert tools["check_payment_status"].annotations.read_only_hint is True
    reason = tools["request_extension"].input_schema["properties"]["governance_reason"]
    assert reason["type"] == "string"
    assert "governance_reason" not in tools["request_extension"].input_schema["required"]
    assert "governance_reason" not in tools["check_status"].input_schema["properties"]


async def test_low_risk_comes_back_as_the_real_result(gateway: Gateway, way: str) -> None:
    async with connect(gateway.url, way, gateway.agent_token) as agent:
        result = await agent.call_tool(
            "check_payment_status", {"beneficiary_id": "BEN-123", "governance_reason": "The user asked."}
        )
    assert not result.is_error
    assert "Ada Obi" in text_of(result)
    assert REFERENCE.fullmatch(result.meta["atlas/reference"])


async def test_a_tool_that_refuses_says_so_itself(gateway: Gateway, way: str) -> None:
    async with connect(gateway.url, way, gateway.agent_token) as agent:
        result = await agent.call_tool("check_payment_status", {"beneficiary_id": "BEN-999"})
    assert result.is_error
    assert result.structured_content["error"] == "unknown_beneficiary"


async def test_an_approval_during_the_hold_returns_the_real_result(gateway: Gateway, way: str) -> None:
    async with connect(gateway.url, way, gateway.agent_token) as agent:
        held = Held(agent, "request_payment_extension", extension())
        reference = await held.reference()
        await wait_for_status(agent, reference, "in_review")
        status, _ = await asyncio.to_thread(gateway.decide, reference, "APPROVED", "Checked with the clinic.")
        result = await held.result()
    assert status == 200
    assert not result.is_error
    assert result.meta["atlas/reference"] == reference
    assert result.structured_content["beneficiary_id"] == "BEN-123"


async def test_a_rejection_tells_the_reviewers_reason(gateway: Gateway, way: str) -> None:
    async with connect(gateway.url, way, gateway.agent_token) as agent:
        held = Held(agent, "request_payment_extension", extension())
        reference = await held.reference()
        await wait_for_status(agent, reference, "in_review")
        await asyncio.to_thread(gateway.decide, reference, "REJECTED", "No medical proof.")
        result = await held.result()
        later = await agent.call_tool("check_status", {"reference": reference})
    assert result.is_error
    assert text_of(result).startswith(f"REJECTED (Ref: {reference}).")
    assert result.structured_content == {"status": "denied", "reference": reference, "reason": "No medical proof."}
    assert later.structured_content["decision"] == "REJECTED"
    assert later.structured_content["reason"] == "No medical proof."
    assert not later.is_error


async def test_the_same_call_repeated_while_held_gets_the_same_result(gateway: Gateway, way: str) -> None:
    arguments = extension()
    async with connect(gateway.url, way, gateway.agent_token) as agent:
        first = Held(agent, "request_payment_extension", arguments)
        second = Held(agent, "request_payment_extension", {**arguments, "governance_reason": "again"})
        reference = await first.reference()
        assert await second.reference() == reference
        await wait_for_status(agent, reference, "in_review")
        await asyncio.to_thread(gateway.decide, reference, "APPROVED")
        assert (await first.result()).structured_content == (await second.result()).structured_content


async def test_an_unknown_tool_is_named(gateway: Gateway, way: str) -> None:
    async with connect(gateway.url, way, gateway.agent_token) as agent:
        with pytest.raises(MCPError, match="Unknown tool: launch_rockets"):
            await agent.call_tool("launch_rockets", {})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"beneficiary_id": 7}, "7 is not of type 'string'"),
        ({}, "'beneficiary_id' is a required property"),
        ({"beneficiary_id": "BEN-123", "extra": 1}, "Additional properties"),
        ({"beneficiary_id": "BEN-123", "governance_reason": 5}, "governance_reason must be a string"),
        ({"beneficiary_id": "B" * 300_000}, "the limit is 262,144"),
    ],
)
async def test_bad_arguments_are_a_tool_error(gateway: Gateway, way: str, arguments: dict, says: str) -> None:
    async with connect(gateway.url, way, gateway.agent_token) as agent:
        result = await agent.call_tool("check_payment_status", arguments)
    assert result.is_error
    assert says in text_of(result)


async def test_reason_intent_and_context_reach_the_request(gateway: Gateway, way: str) -> None:
    meta = {"atlas/intent": "Extend Ada's housing support", "atlas/context": {"case": [1, {"open": None}]}}
    async with connect(gateway.url, way, gateway.agent_token) as agent:
        arguments = {"beneficiary_id": "BEN-108", "governance_reason": f"because {way}"}
        result = await agent.call_tool("check_payment_status", arguments, meta=meta)
    row = json.loads(await asyncio.to_thread(gateway.python, f"""
import json
from governance.models import GovernanceRequest
row = GovernanceRequest.objects.get(reference="{result.meta['atlas/reference']}")
print(json.dumps([row.stated_reason, row.intent, row.context, row.arguments]))
"""))
    assert row == [f"because {way}", meta["atlas/intent"], meta["atlas/context"], {"beneficiary_id": "BEN-108"}]


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that holds calls for one second only."""
    running = start_gateway(tmp_path_factory.mktemp("hasty"), env={"ATLAS_HOLD_SECONDS": "1"})
    yield running
    running.close()


async def test_after_the_hold_the_answer_is_pending_review(hasty: Gateway, way: str) -> None:
    arguments = extension()
    async with connect(hasty.url, way, hasty.agent_token) as agent:
        result = await agent.call_tool("request_payment_extension", arguments)
        reference = result.structured_content["reference"]
        again = await agent.call_tool("request_payment_extension", arguments)
        listed = (await agent.call_tool("check_status", {})).structured_content
    assert not result.is_error
    assert [block.text for block in result.content] == [
        f"PENDING REVIEW (Ref: {reference}). Action queued subject to governance checks."
    ]
    assert set(result.structured_content) == {"status", "reference", "review_url", "deadline", "poll_after_seconds"}
    assert result.structured_content["status"] == "in_review"
    assert again.structured_content["reference"] == reference
    assert listed["gateway"] == "healthy"
    assert reference in [row["reference"] for row in listed["open_requests"]]


async def test_the_outcome_of_a_pending_call_is_asked_for_later(hasty: Gateway, way: str) -> None:
    async with connect(hasty.url, way, hasty.agent_token) as agent:
        result = await agent.call_tool("request_payment_extension", extension())
        reference = result.structured_content["reference"]
    await asyncio.to_thread(hasty.decide, reference, "APPROVED", "Fine.")
    async with connect(hasty.url, way, hasty.agent_token) as agent:
        later = await wait_for_status(agent, reference, "succeeded")
    facts = later.structured_content
    assert (facts["decision"], facts["reason"]) == ("APPROVED", "Fine.")
    assert facts["result"]["structuredContent"]["beneficiary_id"] == "BEN-123"
    assert facts["result"]["content"][0]["text"] in text_of(later)
