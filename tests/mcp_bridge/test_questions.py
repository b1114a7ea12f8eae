"""What a tool asks in the middle of its run reaches the agent's client, in both eras; its call runs once."""

import asyncio
import sys
from typing import Any
from uuid import uuid4

import pytest
from mcp import Client, StdioServerParameters, types
from mcp.client.stdio import stdio_client

from tests.gateway import ROOT
from tests.mcp_bridge.agents import WAYS, Held, connect, text_of
from tests.mcp_bridge.fronting import Front, send

ELICITS: dict[str, Any] = {"elicitation": {}}


class Person:
    """Answers the questions of a client."""

    def __init__(self, action: str = "accept") -> None:
        self.action, self.asked = action, []

    async def __call__(self, ctx: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.asked.append(params.message)
        content = {"name": "Ada"} if self.action == "accept" else None
        return types.ElicitResult(action=self.action, content=content)


@pytest.mark.parametrize("way", WAYS)
async def test_an_allowed_tool_asks_a_client_that_can_answer(front: Front, way: str) -> None:
    person, before = Person(), front.server.calls["ask"]
    async with connect(front.url, way, front.token, elicitation_callback=person) as agent:
        async with asyncio.timeout(40):
            result = await agent.call_tool("open__ask", {})
    assert person.asked == ["Who?"]
    assert text_of(result) == "accept Ada"
    assert front.server.calls["ask"] == before + 2  # the two rounds of one call on 2026-07-28


@pytest.mark.parametrize("way", ["sse", "http-2025", "http-2026"])
async def test_an_approved_tool_asks_the_client_that_holds_its_call(front: Front, way: str) -> None:
    person = Person("decline")
    async with connect(front.url, way, front.token, elicitation_callback=person) as agent:
        held = Held(agent, "careful__ask", {"text": uuid4().hex})
        await asyncio.to_thread(front.approve, await held.reference())
        result = await held.result()
    assert person.asked == ["Who?"]
    assert text_of(result) == "decline"


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_takes_no_questions_is_not_asked(front: Front, way: str) -> None:
    async with connect(front.url, way, front.token) as agent:
        async with asyncio.timeout(40):
            assert text_of(await agent.call_tool("open__ask", {})) == "decline"


def ask(front: Front, **params: Any) -> dict[str, Any]:
    return send(
        front.url, params.pop("token", front.token), "tools/call", {"name": "open__ask", "arguments": {}, **params},
        capabilities=ELICITS,
    )


def test_a_question_is_answered_by_the_call_repeated_with_its_state(front: Front) -> None:
    question = ask(front)["result"]
    assert question["resultType"] == "input_required"
    assert question["inputRequests"]["who"]["params"]["message"] == "Who?"
    before = front.server.calls["ask"]
    again = ask(front, requestState=question["requestState"], inputResponses={"other": {"action": "accept"}})["result"]
    assert again["inputRequests"].keys() == {"who"}  # asked again: nothing that was asked is answered
    answers = {"who": {"action": "accept", "content": {"name": "Bo"}}}
    result = ask(front, requestState=question["requestState"], inputResponses=answers)["result"]
    assert result["content"][0]["text"] == "accept Bo"
    assert front.server.calls["ask"] == before + 1


def test_a_state_is_good_for_its_call_and_its_agent_alone(front: Front) -> None:
    question = ask(front)["result"]
    state, answers = question["requestState"], {"who": {"action": "accept", "content": {"name": "Bo"}}}
    other = front.gateway.python(
        f"from governance import actions\nprint(actions.create_agent({uuid4().hex!r})[1])"
    ).split()[-1]
    before = front.server.calls["ask"]
    for wrong in (
        {"requestState": state, "token": other}, {"requestState": "guessed"},
        {"requestState": state, "arguments": {"text": "another"}},
    ):
        assert ask(front, inputResponses=answers, **wrong)["error"]["code"] == types.INVALID_PARAMS
    assert front.server.calls["ask"] == before  # nothing ran
    assert ask(front, requestState=state, inputResponses=answers)["result"]["content"][0]["text"] == "accept Bo"
    late = ask(front, requestState=state, inputResponses=answers)
    assert late["error"]["code"] == types.INVALID_PARAMS
    assert front.server.calls["ask"] == before + 1


@pytest.mark.parametrize("answers", [None, 5, "x", []])
def test_answers_that_are_no_object_are_refused(front: Front, answers: object) -> None:
    assert ask(front, inputResponses=answers)["error"]["code"] == types.INVALID_PARAMS


@pytest.mark.parametrize("era", ["2025", "2026"])
async def test_a_tool_asks_and_reports_over_stdio(front: Front, era: str) -> None:
    """The gateway in the client's own process tree, where tool servers live on another loop than the client."""
    env = {**front.gateway.env, "ATLAS_AGENT_TOKEN": front.token}
    parameters = StdioServerParameters(command=sys.executable, args=["manage.py", "mcp_stdio"], env=env, cwd=str(ROOT))
    person, steps = Person(), []

    async def note(done: float, total: float | None, message: str | None) -> None:
        steps.append(message)

    mode = "auto" if era == "2026" else "legacy"
    async with Client(stdio_client(parameters), mode=mode, elicitation_callback=person) as agent:
        async with asyncio.timeout(60):
            answered = await agent.call_tool("open__ask", {})
            await agent.call_tool("open__progress", {}, progress_callback=note)
    assert text_of(answered) == "accept Ada"
    assert steps == ["half way", "there"]
