"""When the gateway itself is in trouble, nobody is let in and nothing counts as approved."""

import asyncio
from collections.abc import Callable

import httpx2

from tests.gateway import Gateway
from tests.mcp_bridge.agents import REFERENCE, WAIT_SECONDS, Held, connect, text_of

_RENAME = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("ALTER TABLE {old} RENAME TO {new}")
"""


def rename(gateway: Gateway, old: str, new: str) -> None:
    """A database error that is real on every database, and can be undone."""
    gateway.python(_RENAME.format(old=old, new=new))


def test_without_the_token_table_everybody_gets_503(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    rename(gateway, "governance_agenttoken", "away")
    with httpx2.Client(base_url=gateway.url, timeout=WAIT_SECONDS, headers=gateway.headers) as http:
        for path in ("/mcp", "/mcp/messages/?session_id=1"):
            answer = http.post(path, json={})
            assert answer.status_code == 503
            assert "database" in answer.json()["error"]
        rename(gateway, "away", "governance_agenttoken")
        assert http.post("/mcp", json={}).status_code != 503


async def test_a_call_that_cannot_be_recorded_is_not_accepted(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    async with connect(gateway.url, "http-2026", gateway.agent_token) as agent:
        await asyncio.to_thread(rename, gateway, "governance_outboxevent", "away")
        result = await agent.call_tool("check_payment_status", {"beneficiary_id": "BEN-123"})
        assert result.is_error
        assert "not accepted and nothing was executed" in text_of(result)
        await asyncio.to_thread(rename, gateway, "away", "governance_outboxevent")
        again = await agent.call_tool("check_payment_status", {"beneficiary_id": "BEN-123"})
    assert "Ada Obi" in text_of(again)


async def test_a_held_call_that_cannot_be_read_tells_its_reference(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(ATLAS_HOLD_SECONDS="20")
    async with connect(gateway.url, "http-2026", gateway.agent_token) as agent:
        held = Held(agent, "request_payment_extension", {"beneficiary_id": "BEN-123", "reason": "rent"})
        reference = await held.reference()
        await asyncio.to_thread(rename, gateway, "governance_execution", "away")
        result = await held.result()
    assert result.is_error
    assert "goes on without this connection" in text_of(result)
    assert REFERENCE.search(text_of(result)).group() == reference
