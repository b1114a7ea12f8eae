"""What reviewers do beside deciding reaches the agent: a question wherever it looks, an edit with the result."""

import asyncio
import json
import urllib.request
from typing import Any
from uuid import uuid4

import pytest

from tests.mcp_bridge.agents import WAYS, Held, connect, text_of
from tests.mcp_bridge.fronting import Front, declaring_tasks, send
from tests.mcp_bridge.test_tasks import call, ended, on_task
from tests.waiting import wait_for

ways = pytest.mark.parametrize("way", WAYS)
ASKS = "A reviewer asks about your call"


def ask(front: Front, reference: str, text: str = "Which documents?") -> None:
    """As a reviewer, once the request waits for a person."""
    headers = {"Authorization": f"Bearer {front.gateway.api_token}"}

    def asked() -> bool:
        return front.gateway.post(f"/api/requests/{reference}/questions/", {"text": text}, headers)[0] == 200

    wait_for(asked, f"{reference} to wait for a person")


def read(front: Front, reference: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{front.url}/api/requests/{reference}/", headers={"Authorization": f"Bearer {front.gateway.api_token}"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


def approve(front: Front, reference: str, **body: Any) -> None:
    headers = {"Authorization": f"Bearer {front.gateway.api_token}"}
    body = {"verdict": "APPROVED", **body}

    def approved() -> bool:
        return front.gateway.post(f"/api/requests/{reference}/decide/", body, headers)[0] == 200

    wait_for(approved, f"{reference} to wait for a person")


@ways
async def test_a_held_call_a_waiting_agent_and_a_look_meet_the_question(front: Front, way: str) -> None:
    text = uuid4().hex
    async with connect(front.url, way, front.token) as agent:
        held = Held(agent, "careful__echo", {"text": text})
        reference = await held.reference()
        waiting = asyncio.ensure_future(agent.call_tool("wait_for_decision", {"reference": reference, "seconds": 45}))
        await asyncio.to_thread(ask, front, reference)
        looked = await agent.call_tool("check_status", {"reference": reference})
        again = await agent.call_tool("careful__echo", {"text": text})
        for answer in (await held.result(), await waiting, looked, again):
            assert f"{ASKS} {reference}: “Which documents?”" in text_of(answer)
            question = answer.structured_content["question"]
            assert (question["text"], question["answer_with"]) == ("Which documents?", "answer_question")
        listed = (await agent.call_tool("check_status", {})).structured_content["open_requests"]
        assert [row["reference"] for row in listed if row.get("has_question")] == [reference]
        told = await agent.call_tool("answer_question", {"reference": reference, "text": "The letter."})
        assert "question" not in told.structured_content and not told.is_error
        assert told.structured_content["questions"][0]["answer"] == "The letter."
        twice = await agent.call_tool("answer_question", {"reference": reference, "text": "Again."})
        assert twice.is_error and "Nothing is asked" in text_of(twice)
        await agent.call_tool("cancel_request", {"reference": reference})


@pytest.mark.parametrize(("arguments", "says"), [
    ({"reference": "evt_0000000000000000", "text": "x"}, "No such reference"), ({"reference": "evt_1"}, "text must be"),
    ({"text": "x"}, "reference must be"), ({"reference": "evt_1", "text": "x", "more": 1}, "takes `reference` and"),
])  # fmt: skip
async def test_an_answer_must_be_one(front: Front, arguments: dict[str, Any], says: str) -> None:
    async with connect(front.url, "http-2026", front.token) as agent:
        answer = await agent.call_tool("answer_question", arguments)
    assert answer.is_error and says in text_of(answer)


def get_task(front: Front, task_id: str, **capabilities: Any) -> dict[str, Any]:
    return send(
        front.url, front.token, "tasks/get", {"taskId": task_id}, capabilities=declaring_tasks(**capabilities)
    )["result"]


@pytest.mark.parametrize(("given", "kept"), [
    ({"action": "accept", "content": {"answer": "The letter."}}, "The letter."),
    ({"action": "decline"}, "(The agent's client declined to answer.)"),
])  # fmt: skip
def test_a_task_asks_the_client_that_can_be_asked(front: Front, given: dict[str, Any], kept: str) -> None:
    task_id = call(front)["taskId"]
    ask(front, task_id)
    plain, asked = get_task(front, task_id), get_task(front, task_id, elicitation={})
    assert plain["status"] == "working" and "inputRequests" not in plain
    assert ASKS in plain["statusMessage"] and asked["status"] == "input_required"
    ((name, request),) = asked["inputRequests"].items()
    assert "“Which documents?”" in request["params"]["message"]
    assert "error" in on_task(front, "tasks/update", task_id, inputResponses={name: {"action": "accept"}})
    on_task(front, "tasks/update", task_id, inputResponses={name: given})
    on_task(front, "tasks/update", task_id, inputResponses={name: given})  # the same again is ignored
    assert get_task(front, task_id, elicitation={})["status"] == "working"
    assert [question["answer"] for question in read(front, task_id)["questions"]] == [kept]
    front.approve(task_id, "REJECTED")


@ways
async def test_the_agent_of_an_edited_call_is_told_what_changed(front: Front, way: str) -> None:
    text = uuid4().hex
    async with connect(front.url, way, front.token) as agent:
        held = Held(agent, "careful__echo", {"text": text})
        reference = await held.reference()
        edit = {"arguments": {"text": "shorter"}, "reason": "Too long."}
        await asyncio.to_thread(approve, front, reference, **edit)
        result, looked = await held.result(), await agent.call_tool("check_status", {"reference": reference})
    first, note = (block.text for block in result.content)
    assert first == "shorter"
    assert note == (
        f'A reviewer changed this call before approving it: text "{text}" → "shorter". Reason: Too long.'
    )
    edited = {"changes": [{"path": "/text", "before": text, "after": "shorter"}], "reason": "Too long."}
    assert result.meta["atlas/edited"] == looked.structured_content["edited"] == edited
    assert note in text_of(looked)


def test_the_task_of_an_edited_call_says_so_too(front: Front) -> None:
    task_id = call(front)["taskId"]
    approve(front, task_id, arguments={"text": "shorter"})
    result = ended(front, task_id)["result"]
    assert "A reviewer changed this call" in result["content"][-1]["text"]
    assert result["_meta"]["atlas/edited"]["changes"][0]["after"] == "shorter"
