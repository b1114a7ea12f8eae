"""Claims against halts and everything else that stops them, with threads and connections of their own.

What stops a call reads, inside its own transaction and once it holds its locks, what was claimed so far. In the end
there must be exactly that: no claim came later, and none that was under way got lost. So nothing here depends on time.
"""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from governance import actions
from governance.actions import express
from governance.actions.execute import StillExecuting
from governance.actions.express import AllowedCall
from governance.canonical import bound_arguments
from governance.errors import AlreadyDecided, GovernanceError, NotAllowed, WrongState
from governance.models import (
    Agent,
    AgentToken,
    Decision,
    Execution,
    GovernanceRequest,
    PolicyVersion,
    Team,
    Tool,
    ToolServer,
    ToolVersion,
)
from governance.models.decisions import Source
from governance.states import Status, Verdict
from governance.toolservers import ToolDefinition
from tests.factories import make_agent, make_request, make_reviewer, make_tool

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8  # of each kind
CALLS = 3  # at once
ALLOW = "version: 1\nrules:\n  - {name: all, effect: allow, when: {tool: \"*\"}}\n"
DENY = "version: 1\nrules:\n  - {name: none, effect: deny, message: No more., when: {tool: \"*\"}}\n"
SUBJECTS = ["agent", "tool", "server", "team"]
_number = count(1)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each returns, or the GovernanceError it raises; all begin together, each on its own connection."""
    barrier, found = threading.Barrier(len(works)), [None] * len(works)

    def run(place: int, work: Callable[[], Any]) -> None:
        try:
            barrier.wait(30)
            found[place] = work()
        except GovernanceError as error:
            found[place] = error
        except BaseException as error:
            found[place] = error
            raise
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for somebody else"
    if broken := [error for error in found if isinstance(error, Exception) and not isinstance(error, GovernanceError)]:
        raise broken[0]
    return found


def stopping(stop: Callable[[], Any], stored: Callable[[], set[Any]], seen: list[set[Any]]) -> Callable[[], None]:
    """Does it and notes what is stored at that moment, in one transaction."""

    def work() -> None:
        with transaction.atomic():
            stop()
            seen.append(stored())

    return work


def executions() -> set[Any]:
    return set(Execution.objects.values_list("request_id", flat=True))


def requests() -> set[Any]:
    return set(GovernanceRequest.objects.values_list("pk", flat=True))


def activate(text: str) -> PolicyVersion:
    version = actions.save_policy(Team.objects.default(), text)
    actions.activate_policy(version)
    return version


@pytest.fixture
def tool(scripted) -> Tool:
    activate(ALLOW)
    return make_tool("echo")


@pytest.fixture
def agent(tool: Tool) -> Agent:
    return make_agent()


def subject(kind: str, agent: Agent, tool: Tool) -> Agent | Tool | ToolServer | Team:
    return {"agent": agent, "tool": tool, "server": tool.server, "team": agent.team}[kind]


def approved(agent: Agent, tool: Tool) -> GovernanceRequest:
    request, _ = actions.receive(agent=agent, tool=tool, arguments={"n": next(_number)})
    assert request.status == Status.APPROVED
    return request


def claims(waiting: list[GovernanceRequest]) -> Iterator[Callable[[], Any]]:
    for request in waiting:
        yield partial(actions.claim_execution, request.pk)


def finish(waiting: list[GovernanceRequest], claimed: set[Any], scripted: Any) -> None:
    """Those claimed run to their end, once each; the others wait for a person."""
    scripted.calls.clear()
    for execution in Execution.objects.filter(request__in=waiting).select_related("request__tool__server"):
        actions.run_tool(execution)
        assert actions.record_outcome(execution.request_id) == Status.SUCCEEDED
    ids = {request.pk for request in waiting}
    assert len(scripted.calls) == len(claimed & ids)
    left = GovernanceRequest.objects.filter(pk__in=ids - claimed)
    for request in left:  # whoever looked before the stop looks again
        assert actions.claim_execution(request.pk) is None
    assert set(left.values_list("status", flat=True)) <= {Status.IN_REVIEW}
    assert executions() == claimed


# -- claims -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SUBJECTS)
def test_nothing_is_claimed_once_its_halt_is_there_and_what_was_claimed_finishes(kind, agent, tool, scripted):
    halted = subject(kind, agent, tool)
    for _ in range(ROUNDS):
        waiting, seen = [approved(agent, tool) for _ in range(CALLS)], []
        stop = stopping(partial(actions.halt, halted, reason="Runs wild."), executions, seen)
        at_once(*claims(waiting[1:]), stop, *claims(waiting[:1]))
        finish(waiting, seen[0], scripted)
        assert actions.resume(halted, reason="Looked at it.")


def test_nothing_is_claimed_once_the_policy_denies_it(agent, tool, scripted):
    for _ in range(ROUNDS):
        waiting, seen = [approved(agent, tool) for _ in range(CALLS)], []
        at_once(*claims(waiting), stopping(partial(activate, DENY), executions, seen))
        finish(waiting, seen[0], scripted)
        activate(ALLOW)


def test_nothing_is_claimed_once_its_tool_has_changed(scripted):
    activate(ALLOW)
    server = actions.add_tool_server(slug="far", kind="http", url="http://127.0.0.1:9/mcp")
    actions.sync_tools(server, [definition(0)])
    actions.accept_all_offered(server, reason="Trusted.")
    agent, tool = make_agent(), server.tools.get()
    for number in range(1, ROUNDS + 1):
        waiting, seen = [approved(agent, tool) for _ in range(CALLS)], []
        change = partial(actions.sync_tools, server, [definition(number)])
        at_once(*claims(waiting), stopping(change, executions, seen))
        for request in waiting:
            if request.pk not in seen[0]:
                assert actions.claim_execution(request.pk) is None
        assert executions() == seen[0]
        actions.accept_all_offered(server, reason="Looked at it.")
        tool.refresh_from_db()


def test_of_twenty_that_claim_one_approval_one_runs_it(agent, tool, scripted):
    for _ in range(3):
        request = approved(agent, tool)
        scripted.calls.clear()

        def run(pk=request.pk) -> bool:
            execution = actions.claim_execution(pk)
            if execution is not None:
                actions.run_tool(execution)
            return execution is not None

        found = at_once(*[run] * 20)
        assert found.count(True) == 1 and len(scripted.calls) == 1
        assert all(isinstance(other, bool | WrongState) for other in found)
        assert any(isinstance(other, StillExecuting | WrongState) or other is False for other in found)
        assert request.transitions.filter(to_status=Status.EXECUTING).count() == 1


# -- calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SUBJECTS)
def test_nothing_is_accepted_once_its_halt_is_there(kind, agent, tool):
    halted = subject(kind, agent, tool)
    for _ in range(ROUNDS):
        seen: list[set[Any]] = []
        calls = [lambda: actions.receive(agent=agent, tool=tool, arguments={"n": next(_number)})] * CALLS
        found = at_once(*calls, stopping(partial(actions.halt, halted, reason="Runs wild."), requests, seen))
        assert requests() == seen[0]
        assert all(isinstance(each, tuple | NotAllowed) for each in found[:-1])
        with pytest.raises(NotAllowed, match="Runs wild"):
            actions.receive(agent=agent, tool=tool, arguments={"n": next(_number)})
        assert actions.resume(halted, reason="Looked at it.")


def allowed(agent: Agent, tool: Tool, version: PolicyVersion) -> AllowedCall:
    text, digest = bound_arguments({"n": next(_number)})
    return AllowedCall(
        team_id=agent.team_id, generation=Team.objects.get(pk=agent.team_id).generation, agent_id=agent.pk,
        agent=agent.name, tool_id=tool.pk, tool=tool.exposed_name, server=tool.server.slug, tool_digest=tool.digest,
        arguments_json=text, arguments_digest=digest, version_id=version.pk, version=version.number, rule="all",
        reason="Decided by rule all of policy 1.",
    )


@pytest.mark.parametrize("kind", [*SUBJECTS, "policy", "token", "definition"])
def test_nothing_is_admitted_once_the_team_has_changed(kind, agent, tool):
    for number in range(ROUNDS // 2):
        version, seen = activate(ALLOW), []
        actions.issue_agent_token(agent)
        token = AgentToken.objects.filter(agent=agent, revoked_at=None).first()
        if kind in SUBJECTS:
            stop = partial(actions.halt, subject(kind, agent, tool), reason="Runs wild.")
        else:
            stop = {
                "policy": partial(activate, DENY), "token": partial(actions.revoke_token, token),
                "definition": partial(actions.sync_tools, tool.server, [definition(number)]),
            }[kind]
        batches = [[allowed(agent, tool, version) for _ in range(3)] for _ in range(CALLS)]
        admissions = [partial(express.admit, batch, now=timezone.now()) for batch in batches]
        found = at_once(*admissions, stopping(stop, requests, seen))
        assert requests() == seen[0] == executions()
        assert all(answer in ([True] * 3, [False] * 3) for answer in found[:-1])
        for batch, answer in zip(batches, found[:-1], strict=True):
            assert [call.request_id in seen[0] for call in batch] == answer
        if kind in SUBJECTS:
            actions.resume(subject(kind, agent, tool), reason="Looked at it.")


# -- decisions --------------------------------------------------------------------------------


def approve(request: GovernanceRequest, reviewer: Any) -> Decision:
    return actions.decide(request, reviewer=reviewer, verdict=Verdict.APPROVED, source=Source.API)


@pytest.mark.parametrize("kind", SUBJECTS)
def test_an_approval_that_a_halt_overtakes_runs_nothing(kind, scripted):
    agent, tool, reviewer = make_agent(), make_tool("echo"), make_reviewer()
    halted = subject(kind, agent, tool)
    for _ in range(ROUNDS // 2):
        request, late = (make_request(agent=agent, tool=tool) for _ in range(2))
        found, _ = at_once(partial(approve, request, reviewer), partial(actions.halt, halted, reason="Runs wild."))
        assert isinstance(found, Decision | WrongState)
        with pytest.raises(WrongState, match="Runs wild"):
            approve(late, reviewer)
        assert actions.claim_execution(request.pk) is None
        request.refresh_from_db()
        assert request.status == Status.IN_REVIEW and not Execution.objects.exists()
        assert actions.resume(halted, reason="Looked at it.")


def test_of_a_cancellation_and_a_decision_one_wins(scripted):
    agent, tool, reviewer = make_agent(), make_tool("echo"), make_reviewer()
    for number in range(ROUNDS):
        request = make_request(agent=agent, tool=tool)
        verdict = Verdict.REJECTED if number % 2 else Verdict.APPROVED
        decided, cancelled = at_once(
            partial(actions.decide, request, reviewer=reviewer, verdict=verdict, source=Source.CONSOLE),
            partial(actions.cancel, request, agent=agent),
        )
        request.refresh_from_db()
        if request.status == Status.CANCELLED:
            assert isinstance(decided, WrongState) and not isinstance(decided, AlreadyDecided)
            assert not request.decisions.exists() and isinstance(cancelled, GovernanceRequest)
        else:
            assert request.status == verdict.status and isinstance(cancelled, WrongState)
            assert request.decisions.get() == decided
        assert request.transitions.filter(from_status=Status.IN_REVIEW).count() == 1


# -- administration ---------------------------------------------------------------------------


def definition(number: int) -> ToolDefinition:
    return ToolDefinition(name="echo", description=f"Says it back, version {number}", input_schema={"type": "object"})


def test_a_definition_is_accepted_only_while_it_is_the_one_on_offer(scripted):
    server = actions.add_tool_server(slug="far", kind="http", url="http://127.0.0.1:9/mcp")
    for number in range(ROUNDS * 2):
        actions.sync_tools(server, [definition(number)])
        version = ToolVersion.objects.filter(tool__server=server).latest("pk")
        accepted, _ = at_once(
            partial(actions.accept_definition, version),
            partial(actions.sync_tools, server, [definition(number + 1_000)]),
        )
        tool = server.tools.get()
        assert tool.is_quarantined  # whoever came first: what is offered now was accepted by nobody
        assert isinstance(accepted, Tool | WrongState)
        assert (tool.digest == version.digest) is isinstance(accepted, Tool)


def test_of_policies_activated_at_once_one_is_active():
    team = Team.objects.default()
    versions = [actions.save_policy(team, ALLOW + f"# {number}\n") for number in range(6)]
    for _ in range(ROUNDS):
        found = at_once(*[partial(actions.activate_policy, version) for version in versions])
        assert any(found) and all(isinstance(each, bool) for each in found)
        assert PolicyVersion.objects.filter(team=team, active=True).count() == 1


def test_whatever_people_and_agents_do_at_once_nobody_waits_for_ever(agent, tool, scripted):
    """Every verb that takes the team's row and another one, against each other: they take them in one order."""
    server = actions.add_tool_server(slug="far", kind="http", url="http://127.0.0.1:9/mcp")
    actions.sync_tools(server, [definition(0)])
    far = server.tools.get()
    for number in range(1, ROUNDS + 1):
        version, newest = activate(ALLOW), ToolVersion.objects.latest("pk")
        actions.issue_agent_token(agent)
        token = AgentToken.objects.filter(agent=agent, revoked_at=None).first()
        batch, waiting = [allowed(agent, tool, version) for _ in range(3)], approved(agent, tool)
        at_once(
            partial(actions.halt, far, reason="Stop."),
            partial(actions.halt, server, reason="Stop."),
            partial(actions.halt, agent, reason="Stop."),
            partial(actions.sync_tools, server, [definition(number)]),
            partial(actions.accept_definition, newest),
            partial(actions.reject_definition, newest, reason="No."),
            partial(actions.revoke_token, token),
            partial(express.admit, batch, now=timezone.now()),
            partial(actions.claim_execution, waiting.pk),
            partial(actions.receive, agent=agent, tool=tool, arguments={"n": next(_number)}),
            partial(activate, DENY),
        )
        for halted in (far, server, agent):
            actions.resume(halted, reason="Go on.")
