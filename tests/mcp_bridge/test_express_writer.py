"""Group commit: what waits goes together, what cannot be stored fails alone, and the end stores what is left."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import Error

from governance.actions.express import AllowedCall, Return
from governance.errors import LimitExceeded
from governance.models import GovernanceRequest
from governance.states import Status
from mcp_bridge import writer as module
from mcp_bridge.writer import Writer
from tests.factories import make_tool
from tests.governance.test_express import allowed
from tests.mcp_bridge.lanes import in_thread, make_caller

pytestmark = pytest.mark.django_db(transaction=True)

RESULT = {"content": [], "isError": False}


@pytest.fixture
async def writer() -> AsyncIterator[Writer]:
    made = Writer()
    yield made
    assert await asyncio.to_thread(made.stop, 30)


async def calls(count: int) -> list[AllowedCall]:
    def make() -> list[AllowedCall]:
        agent, _ = make_caller()
        return [allowed(agent, make_tool("echo")) for _ in range(count)]

    return await in_thread(make)


async def statuses() -> list[str]:
    return await in_thread(lambda: list(GovernanceRequest.objects.values_list("status", flat=True)))


async def test_what_waits_is_stored_together(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    commit = Writer._commit

    def counted(self: Writer, batch: Any) -> None:
        sizes.append(len(batch))
        commit(self, batch)

    monkeypatch.setattr(Writer, "_commit", counted)
    made = await calls(50)
    async with asyncio.timeout(30):
        assert await asyncio.gather(*map(writer.admit, made)) == [True] * 50
        assert await asyncio.gather(*(writer.settle(Return(call, result=RESULT)) for call in made)) == [True] * 50
    assert sum(sizes) == 100
    assert len(sizes) < 100
    assert await statuses() == [Status.SUCCEEDED] * 50


async def test_one_that_cannot_be_stored_fails_alone(writer: Writer) -> None:
    made = await calls(5)
    made[2] = replace(made[2], tool_id=made[2].tool_id + 1_000)
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*map(writer.admit, made), return_exceptions=True)
    assert isinstance(outcomes.pop(2), Error)
    assert outcomes == [True] * 4
    assert await statuses() == [Status.EXECUTING] * 4


async def test_an_admission_whose_commit_broke_off_after_it_was_done_counts_once(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (call,) = await calls(1)
    commit = Writer._commit

    def broken(self: Writer, batch: Any) -> None:
        monkeypatch.setattr(Writer, "_commit", commit)
        commit(self, batch)
        raise Error("the connection is gone")

    monkeypatch.setattr(Writer, "_commit", broken)
    async with asyncio.timeout(30):
        assert await writer.admit(call) is True
    assert await statuses() == [Status.EXECUTING]


async def test_more_than_can_be_recorded_is_refused(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ADMISSIONS", 3)
    made = await calls(20)
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*map(writer.admit, made), return_exceptions=True)
    assert any(isinstance(outcome, LimitExceeded) for outcome in outcomes)
    assert outcomes.count(True) == len(await statuses()) >= 3
    async with asyncio.timeout(30):
        assert await writer.admit(made[outcomes.index(next(one for one in outcomes if one is not True))])


async def test_the_end_stores_what_waits_and_a_later_call_begins_again(writer: Writer) -> None:
    made = await calls(21)
    admissions = [asyncio.ensure_future(writer.admit(call)) for call in made[:20]]
    await asyncio.sleep(0)
    assert await asyncio.to_thread(writer.stop, 120)
    async with asyncio.timeout(30):
        assert await asyncio.gather(*admissions) == [True] * 20
        assert await writer.admit(made[20]) is True
    assert await statuses() == [Status.EXECUTING] * 21
