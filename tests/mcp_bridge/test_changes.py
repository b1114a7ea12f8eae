"""Agents that are connected are told when what they see changes: by an administrator, or by a tool server."""

import asyncio
from typing import Any

import pytest
from mcp import types

from tests.mcp_bridge.agents import WAYS, connect
from tests.mcp_bridge.fronting import Front

WAIT_SECONDS = 30


class Heard:
    """What a client before 2026-07-28 is told outside of its calls."""

    def __init__(self) -> None:
        self.methods: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self.methods.put_nowait(message.method)


def tool_id(front: Front, name: str) -> str:
    return front.gateway.python(
        f"from governance.models import Tool\nprint(Tool.objects.get(exposed_name={name!r}).pk)"
    ).split()[-1]


def switch(front: Front, verb: str, tool: str) -> None:
    status, body = front.gateway.post(
        f"/api/tools/{tool}/{verb}/", {"reason": "Tried."}, {"Authorization": f"Bearer {front.gateway.api_token}"}
    )
    assert status == 200, body


async def acting(front: Front, agent: Any, told: Any, verb: str, tool: str) -> bool:
    """Whether the agent sees the tool, once it was told of the act. What an earlier act had to say may still come."""
    await asyncio.to_thread(switch, front, verb, tool)
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            await told()
            sees = "open__env" in [tool.name for tool in (await agent.list_tools()).tools]
            if sees == (verb == "resume"):
                return True


@pytest.mark.parametrize("way", ["sse", "http-2025"])
async def test_sessions_are_told_of_a_halt_and_of_its_end(front: Front, way: str) -> None:
    heard, tool = Heard(), tool_id(front, "open__env")
    async with connect(front.url, way, front.token, message_handler=heard) as agent:
        assert agent.server_capabilities.tools.list_changed
        await agent.list_tools()
        assert await acting(front, agent, heard.methods.get, "halt", tool)
        assert await acting(front, agent, heard.methods.get, "resume", tool)


@pytest.mark.parametrize("way", ["sse-2026", "http-2026"])
async def test_listeners_are_told_of_a_halt_and_of_its_end(front: Front, way: str) -> None:
    tool = tool_id(front, "open__env")
    async with connect(front.url, way, front.token) as agent:
        assert agent.server_capabilities.tools.list_changed
        async with agent.listen(tools_list_changed=True) as subscription:
            assert await acting(front, agent, subscription.__anext__, "halt", tool)
            assert await acting(front, agent, subscription.__anext__, "resume", tool)


async def test_a_servers_own_announcement_is_passed_on(front: Front) -> None:
    async with (
        connect(front.url, "http-2026", front.token) as agent,
        agent.listen(tools_list_changed=True) as subscription,
    ):
        await agent.call_tool("open__change", {})
        async with asyncio.timeout(WAIT_SECONDS):
            await subscription.__anext__()


@pytest.mark.parametrize("way", WAYS)
async def test_each_agent_sees_its_own_tools(front: Front, way: str) -> None:
    made = front.gateway.python(
        "from governance import actions\nfrom governance.models import Agent\n"
        f"agent, token = actions.create_agent('narrow-{way}')\n"
        "Agent.objects.filter(pk=agent.pk).update(visible_tools='open__e*')\nprint(token)"
    )
    async with connect(front.url, way, made.split()[-1]) as agent:
        listed = {tool.name for tool in (await agent.list_tools()).tools}
        with pytest.raises(Exception, match="Unknown tool: careful__echo"):
            await agent.call_tool("careful__echo", {"text": "x"})
        result = await agent.call_tool("open__echo", {"text": "seen"})
    own = {"check_status", "wait_for_decision", "cancel_request", "answer_question"}
    assert listed == own | {"open__echo", "open__error", "open__env"}
    assert result.content[0].text == "seen"
