"""Calls as tasks (io.modelcontextprotocol/tasks, 2026-07-28), by messages written by hand and by the SDK's client."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest
from mcp import types
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim

from tests.gateway import Gateway
from tests.mcp_bridge.agents import WAYS, connect, text_of
from tests.mcp_bridge.downstream.everything import Everything
from tests.mcp_bridge.fronting import TASKS, Front, declaring_tasks, send, start_front
from tests.waiting import wait_for


def call(front: Front, tool: str = "careful__echo", text: str = "", **options: Any) -> dict[str, Any]:
    arguments = {"text": text or uuid4().hex}
    capabilities = options.pop("capabilities", declaring_tasks())
    return send(
        front.url, front.token, "tools/call", {"name": tool, "arguments": arguments}, capabilities=capabilities,
        **options,
    )["result"]


def on_task(front: Front, method: str, task_id: str, token: str = "", **params: Any) -> dict[str, Any]:
    return send(
        front.url, token or front.token, method, {"taskId": task_id, **params}, capabilities=declaring_tasks()
    )


def ended(front: Front, task_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        task = on_task(front, "tasks/get", task_id)["result"]
        return task if task["status"] not in ("working", "input_required") else None

    return wait_for(look, f"{task_id} to end")


def test_a_call_that_waits_for_a_person_is_a_task_at_once(front: Front) -> None:
    task = call(front, text="as a task")
    assert task["resultType"] == "task"
    assert task["status"] == "working"
    assert task["ttlMs"] is None
    assert task["pollIntervalMs"] == 1000
    assert not {"result", "error", "inputRequests", "requestState"} & task.keys()
    working = on_task(front, "tasks/get", task["taskId"])["result"]
    assert (working["status"], working["resultType"]) == ("working", "complete")
    assert "result" not in working
    for told in (task["taskId"], "Deadline:", f"{front.url}/"):
        assert told in working["statusMessage"]
    front.approve(task["taskId"])
    done = ended(front, task["taskId"])
    assert done["status"] == "completed"
    assert done["result"]["content"] == [{"type": "text", "text": "as a task"}]
    assert done["lastUpdatedAt"] > done["createdAt"]


def test_an_allowed_call_is_its_result(front: Front) -> None:
    result = call(front, "open__echo", "at once")
    assert result["resultType"] == "complete"
    assert result["content"] == [{"type": "text", "text": "at once"}]


def test_an_allowed_call_that_takes_long_becomes_a_task(
    everything: tuple[Everything, str], tmp_path: Path
) -> None:
    front = start_front(tmp_path / "hasty", *everything, ATLAS_HOLD_SECONDS="1")
    try:
        text = uuid4().hex
        task = call(front, "open__slow", text)
        assert (task["resultType"], task["status"]) == ("task", "working")
        assert on_task(front, "tasks/get", task["taskId"])["result"]["status"] == "working"
        on_task(front, "tasks/cancel", task["taskId"])
        wait_for(lambda: text in front.server.cancelled, "the tool to be cancelled")
        assert ended(front, task["taskId"])["status"] == "failed"
    finally:
        front.gateway.close()


def test_a_call_that_is_scored_low_comes_back_as_its_result(front: Front) -> None:
    answer = send(
        front.url, front.token, "tools/call",
        {"name": "check_payment_status", "arguments": {"beneficiary_id": "BEN-123"}}, capabilities=declaring_tasks(),
    )["result"]
    assert answer["resultType"] in ("complete", "task")  # on a busy machine the assessment may take its second
    task_id = answer.get("taskId") or answer["_meta"]["atlas/reference"]
    assert "Ada Obi" in ended(front, task_id)["result"]["content"][0]["text"]


def test_without_the_declaration_a_call_is_never_a_task(front: Front) -> None:
    answer = send(front.url, front.token, "tools/call", {
        "name": "wait_for_decision", "arguments": {"reference": call(front)["taskId"], "seconds": 0},
    })["result"]
    assert answer["resultType"] == "complete"
    assert answer["structuredContent"]["status"] in ("received", "scoring", "in_review")


def test_a_rejected_call_is_completed_with_an_error(front: Front) -> None:
    task_id = call(front)["taskId"]
    front.approve(task_id, "REJECTED")
    done = ended(front, task_id)
    assert done["status"] == "completed"
    assert done["result"]["isError"] is True
    assert done["result"]["content"][0]["text"].startswith(f"REJECTED (Ref: {task_id}).")


def test_a_tools_own_error_is_completed_and_a_protocol_error_failed(front: Front) -> None:
    own, broken = call(front, "careful__error")["taskId"], call(front, "careful__broken")["taskId"]
    front.approve(own)
    front.approve(broken)
    assert ended(front, own)["result"]["isError"] is True
    failed = ended(front, broken)
    assert failed["status"] == "failed"
    assert failed["error"]["code"] == types.INTERNAL_ERROR
    assert "result" not in failed


def test_a_cancelled_task_never_runs_and_stays_cancelled(front: Front) -> None:
    text = uuid4().hex
    task_id = call(front, text=text)["taskId"]
    for _ in range(2):  # the same again is no error
        assert on_task(front, "tasks/cancel", task_id)["result"].keys() <= {"resultType", "_meta"}
    assert ended(front, task_id)["status"] == "cancelled"
    status, _ = front.gateway.decide(task_id, "APPROVED")
    assert status == 409


def test_cancelling_a_running_task_reaches_the_tool(front: Front) -> None:
    text = uuid4().hex
    before = front.server.calls["slow"]
    task_id = call(front, "careful__slow", text)["taskId"]
    front.approve(task_id)
    wait_for(lambda: front.server.calls["slow"] > before, "the tool to run")
    on_task(front, "tasks/cancel", task_id)
    wait_for(lambda: text in front.server.cancelled, "the tool to be cancelled")
    assert ended(front, task_id)["status"] == "failed"  # nobody knows what it did


def test_a_task_belongs_to_its_agent(front: Front) -> None:
    other = front.gateway.python(
        f"from governance import actions\nprint(actions.create_agent({uuid4().hex!r})[1])"
    ).split()[-1]
    task_id = call(front)["taskId"]
    for method, params in (("tasks/get", {}), ("tasks/cancel", {}), ("tasks/update", {"inputResponses": {}})):
        assert on_task(front, method, task_id, token=other, **params)["error"]["code"] == types.INVALID_PARAMS
        assert on_task(front, method, "evt_0000000000000000", **params)["error"]["code"] == types.INVALID_PARAMS
    assert on_task(front, "tasks/get", task_id)["result"]["status"] == "working"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel", "tasks/update"])
def test_the_declaration_is_asked_for_before_the_id_is_looked_up(front: Front, method: str) -> None:
    params = {"taskId": "evt_0000000000000000", "inputResponses": {}}
    error = send(front.url, front.token, method, params)["error"]
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


def test_a_header_that_names_another_task_is_refused(front: Front) -> None:
    task_id = call(front)["taskId"]
    asked = {"taskId": task_id}
    error = send(
        front.url, front.token, "tasks/get", asked, capabilities=declaring_tasks(), **{"Mcp-Name": "other"}
    )["error"]
    assert error["code"] == -32020


@pytest.mark.parametrize("method", ["tasks/list", "tasks/result"])
def test_what_the_extension_does_not_have_is_not_found(front: Front, method: str) -> None:
    assert send(front.url, front.token, method, {}, capabilities=declaring_tasks())["error"]["code"] == -32601


@pytest.mark.parametrize("way", WAYS)
async def test_the_extension_is_offered_in_2026_alone(front: Front, way: str) -> None:
    async with connect(front.url, way, front.token) as agent:
        offered = agent.server_capabilities.extensions or {}
    assert (TASKS in offered) == way.endswith("2026")


def test_questions_of_the_tool_are_the_tasks(front: Front) -> None:
    task_id = call(front, "careful__ask", capabilities=declaring_tasks(elicitation={}))["taskId"]
    front.approve(task_id)

    def asked() -> dict[str, Any] | None:
        return on_task(front, "tasks/get", task_id)["result"].get("inputRequests")

    requests = wait_for(asked, "a question")
    assert requests["who"]["method"] == "elicitation/create"
    assert requests["who"]["params"]["message"] == "Who?"
    before = front.server.calls["ask"]
    ignored = on_task(front, "tasks/update", task_id, inputResponses={"unknown": {"ignored": True}})
    assert ignored["result"].keys() <= {"resultType", "_meta"}
    on_task(front, "tasks/update", task_id, inputResponses={"who": {"action": "accept", "content": {"name": "Ada"}}})
    assert ended(front, task_id)["result"]["content"][0]["text"] == "accept Ada"
    assert front.server.calls["ask"] == before + 1  # the second round of the one execution


def test_a_client_that_takes_no_questions_has_them_declined(front: Front) -> None:
    task_id = call(front, "careful__ask")["taskId"]
    front.approve(task_id)
    assert ended(front, task_id)["result"]["content"][0]["text"] == "decline"


class Task(types.Result):
    result_type: Literal["task"] = "task"
    task_id: str


class GetTask(types.RequestParams):
    task_id: str


class TaskState(types.Result):
    status: str
    result: dict[str, Any] | None = None


class GetTaskRequest(types.Request[GetTask, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: GetTask
    name_param = "taskId"


class Tasks(ClientExtension):
    """As a client implements it: polls until the task has ended."""

    identifier = TASKS

    def __init__(self) -> None:
        self.ids: asyncio.Queue[str] = asyncio.Queue()

    def claims(self) -> list[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Task, resolve=self.poll)]

    async def poll(self, task: Task, ctx: ClaimContext) -> types.CallToolResult:
        self.ids.put_nowait(task.task_id)
        while True:
            state = await ctx.session.send_request(GetTaskRequest(params=GetTask(task_id=task.task_id)), TaskState)
            if state.status == "completed":
                return types.CallToolResult.model_validate(state.result)
            await asyncio.sleep(0.1)


async def test_the_sdks_client_polls_to_the_real_result(front: Front) -> None:
    tasks, text = Tasks(), uuid4().hex
    async with connect(front.url, "http-2026", front.token, extensions=[tasks]) as agent:
        async with asyncio.timeout(60):
            calling = asyncio.ensure_future(agent.call_tool("careful__echo", {"text": text}))
            await asyncio.to_thread(front.approve, await tasks.ids.get())
            assert text_of(await calling) == text


def test_a_task_outlives_the_process(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(ATLAS_HOLD_SECONDS="1")
    front = Front(gateway, None)
    arguments = {"beneficiary_id": "BEN-123", "reason": f"Surgery of {uuid4().hex}", "days": 30}
    task = send(
        gateway.url, gateway.agent_token, "tools/call",
        {"name": "request_payment_extension", "arguments": arguments}, capabilities=declaring_tasks(),
    )["result"]
    gateway.kill()
    gateway.start()
    assert on_task(front, "tasks/get", task["taskId"])["result"]["status"] == "working"
    front.approve(task["taskId"])
    assert ended(front, task["taskId"])["result"]["structuredContent"]["beneficiary_id"] == "BEN-123"
