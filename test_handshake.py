#!/usr/bin/env python
"""The whole handshake against a running gateway: call, PENDING REVIEW, approve by webhook, the tool's real result.

    ATLAS_GATEWAY_URL     its address (default http://127.0.0.1:8000)
    ATLAS_AGENT_TOKEN     an agent's token      (manage.py create_agent NAME)
    ATLAS_REVIEWER_TOKEN  a reviewer's API token (manage.py create_reviewer NAME)

Prints each step; exits 1 on any surprise and 2 when a variable is missing. `make handshake` brings throwaway tokens.
It is a script for a running gateway, not a pytest module; it extends the payments of the fictional BEN-225 by a day.
"""

import asyncio
import os
import re
import sys
import time
import uuid
from typing import Any

import httpx2
from mcp import ClientSession, types
from mcp.client.sse import sse_client

BENEFICIARY, DAYS = "BEN-225", 1
TOOL = "request_payment_extension"
PENDING = re.compile(
    r"PENDING REVIEW \(Ref: (evt_[0-9a-f]{16})\)\. Action queued subject to governance checks\."
)
CALL_SECONDS = 60  # the gateway holds a call for at most 45
OUTCOME_SECONDS = 60
ALL_SECONDS = 180


class Surprise(Exception):
    """What the gateway did instead of what it should."""


def step(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Surprise(otherwise)


def text_of(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


async def call(session: ClientSession, tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
    async with asyncio.timeout(CALL_SECONDS):
        return await session.call_tool(tool, arguments)


async def extensions(session: ClientSession) -> int:
    """How often the beneficiary's payments were extended, by the governed (and auto-approved) read."""
    result = await call(session, "check_payment_status", {"beneficiary_id": BENEFICIARY})
    demand(not result.is_error, f"check_payment_status answered: {text_of(result)}")
    facts = result.structured_content or {}
    demand("extensions" in facts, f"check_payment_status was not executed at once: {text_of(result)}")
    return facts["extensions"]


async def status_of(session: ClientSession, reference: str) -> dict[str, Any]:
    result = await call(session, "check_status", {"reference": reference})
    demand(not result.is_error, f"check_status answered: {text_of(result)}")
    return result.structured_content or {}


async def approve(web: httpx2.AsyncClient, reference: str) -> None:
    body = {"decision": "APPROVED", "event_id": reference, "reason": "Handshake test"}
    response = await web.post("/webhook/approval", json=body)
    demand(response.status_code == 200, f"the webhook answered {response.status_code}: {response.text[:300]}")
    demand(
        response.json() == {"status": "Signal Sent", "decision": "APPROVED"},
        f"the webhook answered {response.text[:300]}",
    )


async def outcome(session: ClientSession, reference: str) -> dict[str, Any]:
    """The facts of check_status once the request has ended; bounded."""
    ends = time.monotonic() + OUTCOME_SECONDS
    while time.monotonic() < ends:
        facts = await status_of(session, reference)
        if facts.get("status") not in ("received", "scoring", "in_review", "approved", "executing"):
            return facts
        await asyncio.sleep(0.2)
    raise Surprise(f"{reference} is still {facts.get('status')} {OUTCOME_SECONDS} seconds after its approval")


def check_result(facts: dict[str, Any], arguments: dict[str, Any]) -> None:
    demand(facts["status"] == "succeeded", f"the request ended as {facts['status']}: {facts}")
    demand(facts.get("decision") == "APPROVED", f"the decision reads {facts.get('decision')}")
    demand(facts.get("reason") == "Handshake test", f"the reviewer's reason reads {facts.get('reason')!r}")
    result = facts.get("result") or {}
    demand(result.get("isError") is False, f"the tool answered: {result}")
    ran = result.get("structuredContent") or {}
    for name, asked in arguments.items():
        demand(ran.get(name) == asked, f"the tool ran with {name}={ran.get(name)!r}, but {asked!r} was approved")


async def handshake(url: str, agent_token: str, reviewer_token: str) -> None:
    reason = f"Handshake test {uuid.uuid4()}"  # unique: never the same call as one that is open
    arguments = {"beneficiary_id": BENEFICIARY, "reason": reason, "days": DAYS}
    agent, reviewer = ({"Authorization": f"Bearer {token}"} for token in (agent_token, reviewer_token))
    async with (
        httpx2.AsyncClient(base_url=url, headers=reviewer, timeout=30) as web,
        sse_client(f"{url}/mcp/sse", headers=agent) as (incoming, outgoing),
        ClientSession(incoming, outgoing) as session,
    ):
        await session.initialize()
        step(f"Connected to {url}/mcp/sse as an agent")
        before = await extensions(session)
        step(f"check_payment_status: {BENEFICIARY} was extended {before} times so far")

        step(f"Calling {TOOL}; the gateway may hold the call for some seconds …")
        pending = await call(session, TOOL, {**arguments, "governance_reason": "test_handshake.py"})
        found = PENDING.fullmatch(text_of(pending))
        demand(found is not None, f"expected PENDING REVIEW, got: {text_of(pending)}")
        demand(not pending.is_error, "PENDING REVIEW came as an error")
        reference = found.group(1)
        step(text_of(pending))

        facts = await status_of(session, reference)
        demand(facts.get("status") == "in_review", f"{reference} should wait for review, but is {facts.get('status')}")
        demand(await extensions(session) == before, "the tool ran before anybody approved it")
        step("check_status: in_review; nothing was executed")

        await approve(web, reference)
        step('POST /webhook/approval: {"status": "Signal Sent", "decision": "APPROVED"}')
        check_result(await outcome(session, reference), arguments)
        step("check_status: succeeded, with exactly the approved arguments")

        await approve(web, reference)  # the same verdict once more is no error, and changes nothing
        after = await extensions(session)
        demand(after == before + 1, f"extended {after - before} times instead of once")
        step("Executed exactly once")


def leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def explain(error: BaseException) -> str:
    if isinstance(error, httpx2.HTTPStatusError):
        hint = " Is ATLAS_AGENT_TOKEN right?" if error.response.status_code in (401, 403) else ""
        return f"{error.request.url} answered {error.response.status_code}.{hint}"
    if isinstance(error, httpx2.ConnectError):
        return f"the gateway cannot be reached ({error}). Start it with make run."
    return str(error) or type(error).__name__


async def bounded(url: str, agent_token: str, reviewer_token: str) -> None:
    async with asyncio.timeout(ALL_SECONDS):
        await handshake(url, agent_token, reviewer_token)


def main() -> int:
    url = os.environ.get("ATLAS_GATEWAY_URL", "http://127.0.0.1:8000").rstrip("/")
    tokens = [os.environ.get(name, "") for name in ("ATLAS_AGENT_TOKEN", "ATLAS_REVIEWER_TOKEN")]
    if not all(tokens):
        print("Set ATLAS_AGENT_TOKEN and ATLAS_REVIEWER_TOKEN, or use make handshake.", file=sys.stderr)
        return 2
    try:
        asyncio.run(bounded(url, *tokens))
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # the script's edge: anything unexpected is a surprise, and ends in exit code 1
        print("SURPRISE: " + "; ".join(explain(leaf) for leaf in leaves(error)), file=sys.stderr)
        return 1
    step("Handshake complete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
