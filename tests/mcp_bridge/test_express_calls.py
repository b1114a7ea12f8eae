"""What was decided in memory holds when the call is admitted, and what runs has its end whoever goes."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from governance import actions, events
from governance.models import Agent, AgentToken, Execution, GovernanceRequest, Team, Tool
from governance.states import Status
from governance.toolservers import ToolResult
from mcp_bridge import asgi, express, gate
from mcp_bridge.writer import writer
from tests.mcp_bridge.lanes import Posted, call, in_thread, make_caller, post, token_row
from tests.toolservers import Scripted

pytestmark = pytest.mark.django_db(transaction=True)

DONE = ToolResult([{"type": "text", "text": "Done."}])


class Held:
    """A tool that waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __call__(self, arguments: Any) -> ToolResult:
        self.begun.set()
        assert self.let_go.wait(30)
        return DONE


@pytest.fixture
def scripted(settings: Any) -> type[Scripted]:
    settings.TOOL_SERVERS = {"welfare": "tests.toolservers.Scripted"}
    settings.HOLD_SECONDS = 0
    Scripted.answers.clear()
    Scripted.calls.clear()
    return Scripted


@pytest.fixture
def held(scripted: type[Scripted]) -> Iterator[Held]:
    scripted.answers["echo"] = tool = Held()
    yield tool
    tool.let_go.set()


@pytest.fixture
async def caller(scripted: type[Scripted]) -> AsyncIterator[tuple[Agent, str]]:
    await asgi.start()
    yield await in_thread(make_caller)
    await asgi.stop()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is announced reaches this process: as if another one did it, and the channel layer were away."""
    monkeypatch.setattr(events, "_tell_administered", lambda team_id: None)
    monkeypatch.setattr(events, "_tell_revoked", lambda token_id: None)


async def request_of(**fields: Any) -> GovernanceRequest:
    return await in_thread(lambda: GovernanceRequest.objects.select_related("execution").get(**fields))


async def ended() -> GovernanceRequest:
    async with asyncio.timeout(30):
        while (request := await request_of()).status == Status.EXECUTING:
            await asyncio.sleep(0.01)
    return request


async def test_a_client_that_leaves_changes_nothing_of_the_outcome(caller: tuple[Agent, str], held: Held) -> None:
    posted = Posted(caller[1], call())
    assert await asyncio.to_thread(held.begun.wait, 30)
    posted.leave()
    posted.task.cancel()
    held.let_go.set()
    assert (await ended()).status == Status.SUCCEEDED


async def test_a_token_that_is_revoked_meanwhile_gets_no_answer_but_the_call_its_end(
    caller: tuple[Agent, str], held: Held
) -> None:
    posted = Posted(caller[1], call())
    assert await asyncio.to_thread(held.begun.wait, 30)
    await in_thread(lambda: actions.revoke_token(token_row(caller[0])))
    answer = await posted.answer()
    assert answer.status == 401
    held.let_go.set()
    assert (await ended()).status == Status.SUCCEEDED


def halt_agent(agent: Agent) -> None:
    actions.halt(agent, reason="Runs wild.")


def halt_team(agent: Agent) -> None:
    actions.halt(Team.objects.get(), reason="Runs wild.")


def halt_tool(agent: Agent) -> None:
    actions.halt(Tool.objects.get(name="echo"), reason="Runs wild.")


def deny_by_policy(agent: Agent) -> None:
    text = "version: 1\nrules:\n  - name: no\n    effect: deny\n    message: Runs wild.\n"
    actions.activate_policy(actions.save_policy(Team.objects.get(), text))


@pytest.mark.parametrize("stop", [halt_agent, halt_team, halt_tool, deny_by_policy])
async def test_what_is_stopped_between_ruling_and_admission_does_not_run(
    stop: Any, caller: tuple[Agent, str], scripted: type[Scripted], elsewhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process stops it, and this one hears nothing of it."""
    agent, token = caller
    await post(token, call("before"))
    admit = writer.admit

    async def overtaken(allowed: Any) -> bool:
        monkeypatch.setattr(writer, "admit", admit)
        await in_thread(stop, agent)
        return await admit(allowed)

    monkeypatch.setattr(writer, "admit", overtaken)
    answer = await post(token, call("after"))
    assert answer.result["isError"]
    assert "Runs wild." in answer.body.decode()
    assert scripted.calls == [("echo", {"text": "before"})]


async def test_a_token_revoked_by_another_process_is_refused_at_once(
    caller: tuple[Agent, str], scripted: type[Scripted], elsewhere: None
) -> None:
    agent, token = caller
    _, other = await in_thread(lambda: actions.create_agent("other"))
    await post(token, call("before"))
    await in_thread(lambda: actions.revoke_token(token_row(agent)))
    await post(other, call("meanwhile"))  # so this process knows the new state of the team
    answer = await post(token, call("after"))
    assert answer.status == 401
    assert [arguments["text"] for _, arguments in scripted.calls] == ["before", "meanwhile"]


async def test_a_changed_policy_counts_for_the_next_call(caller: tuple[Agent, str], scripted: type[Scripted]) -> None:
    agent, token = caller
    await post(token, call("before"))
    await in_thread(deny_by_policy, agent)
    assert (await post(token, call("after"))).result["isError"]
    assert len(scripted.calls) == 1


def rename(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")


async def test_a_call_that_cannot_be_admitted_does_not_run(
    caller: tuple[Agent, str], scripted: type[Scripted]
) -> None:
    await post(caller[1], call("before"))
    await in_thread(rename, "governance_evidenceentry", "away")
    try:
        answer = await post(caller[1], call("after"))
    finally:
        await in_thread(rename, "away", "governance_evidenceentry")
    assert answer.result["isError"]
    assert "nothing was executed" in answer.body.decode()
    assert len(scripted.calls) == 1
    assert await in_thread(GovernanceRequest.objects.count) == 1
    assert not (await post(caller[1], call("again"))).result["isError"]


async def test_what_returned_is_stored_as_soon_as_the_database_takes_it(
    caller: tuple[Agent, str], held: Held
) -> None:
    posted = Posted(caller[1], call())
    assert await asyncio.to_thread(held.begun.wait, 30)
    await in_thread(rename, "governance_transition", "away")
    try:
        held.let_go.set()
        async with asyncio.timeout(30):
            while not writer._postponed:
                await asyncio.sleep(0.01)
        assert not posted.task.done()
    finally:
        await in_thread(rename, "away", "governance_transition")
    assert (await posted.answer()).result["content"] == DONE.content
    assert (await request_of()).status == Status.SUCCEEDED


async def test_an_agent_does_not_wait_for_ever_for_the_record(
    caller: tuple[Agent, str], held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(express, "RECORD_SECONDS", 0.05)
    posted = Posted(caller[1], call())
    assert await asyncio.to_thread(held.begun.wait, 30)
    await in_thread(rename, "governance_transition", "away")
    try:
        held.let_go.set()
        answer = await posted.answer()
    finally:
        await in_thread(rename, "away", "governance_transition")
    assert answer.result["isError"]
    assert "could not record its outcome yet" in answer.body.decode()
    assert (await ended()).status == Status.SUCCEEDED


async def test_a_cancelled_call_ends_as_unknown(caller: tuple[Agent, str], held: Held) -> None:
    who, cancelled = await asgi.callers.find(caller[1]), asyncio.Event()
    running = asyncio.create_task(express.run(gate.Call(who, "echo", {"text": "a"}, {}), cancelled=cancelled))
    assert await asyncio.to_thread(held.begun.wait, 30)
    cancelled.set()
    answer = await running
    assert answer.is_error
    assert (await request_of()).status == Status.OUTCOME_UNKNOWN


async def test_after_the_sweepers_verdict_the_agent_reads_that_one(caller: tuple[Agent, str], held: Held) -> None:
    posted = Posted(caller[1], call())
    assert await asyncio.to_thread(held.begun.wait, 30)

    def give_up() -> None:
        Execution.objects.update(claimed_by="elsewhere|1|x", lease_until=timezone.now() - timedelta(minutes=5))
        actions.resolve_abandoned(GovernanceRequest.objects.select_related("execution").get())

    await in_thread(give_up)
    held.let_go.set()
    assert "OUTCOME UNKNOWN" in (await posted.answer()).body.decode()


async def test_a_waiter_is_woken_by_the_end_of_the_call(caller: tuple[Agent, str], held: Held) -> None:
    posted = Posted(caller[1], call())
    assert await asyncio.to_thread(held.begun.wait, 30)
    with events.waiting_for((await request_of()).pk) as changed:
        held.let_go.set()
        async with asyncio.timeout(30):
            await changed.wait()
    await posted.answer()


async def test_an_expired_token_is_refused(caller: tuple[Agent, str], scripted: type[Scripted]) -> None:
    await post(caller[1], call("before"))
    await in_thread(AgentToken.objects.update, expires_at=timezone.now() - timedelta(seconds=1))
    asgi.callers._known.clear()
    assert (await post(caller[1], call("after"))).status == 401
    assert len(scripted.calls) == 1


async def test_a_process_takes_so_many_calls_at_once(
    caller: tuple[Agent, str], held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(express, "MAX_RUNNING", 1)
    posted = Posted(caller[1], call())
    assert await asyncio.to_thread(held.begun.wait, 30)
    refused = await post(caller[1], call("more"))
    assert refused.result["isError"]
    assert "which is the limit" in refused.body.decode()
    held.let_go.set()
    assert not (await posted.answer()).result["isError"]
