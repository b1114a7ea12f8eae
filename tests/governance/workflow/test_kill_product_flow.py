"""kill -9 at every point of the governed call, on the real function: one run, one end, and the tool runs once."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from governance import actions
from governance.models import Decision, Execution, GovernanceRequest, Pause, Run, Transition
from governance.models.decisions import Source
from governance.states import Status, Verdict
from tests.factories import make_request, make_reviewer, make_tool
from tests.governance.workflow.processes import WorkerProcess, wait_until
from tests.governance.workflow.worker import POINTS

pytestmark = pytest.mark.django_db(transaction=True)

Start = Callable[..., WorkerProcess]


@pytest.fixture
def effects(tmp_path: Path) -> Path:
    path = tmp_path / "effects"
    path.touch()
    return path


@pytest.fixture
def start(effects: Path) -> Iterator[Start]:
    started: list[WorkerProcess] = []

    def start_one(**options: str) -> WorkerProcess:
        started.append(WorkerProcess(effects, **options))
        return started[-1]

    yield start_one
    for process in started:
        process.close()


def status_of(request: GovernanceRequest) -> str:
    return GovernanceRequest.objects.values_list("status", flat=True).get(pk=request.pk)


def wait_for_review(request: GovernanceRequest) -> None:
    wait_until(lambda: status_of(request) == Status.IN_REVIEW and Pause.objects.exists(), "the wait for a decision")


def approve(request: GovernanceRequest, source: Source = Source.API) -> Decision:
    request.refresh_from_db()
    return actions.decide(request, reviewer=make_reviewer(), verdict=Verdict.APPROVED, reason="Seen.", source=source)


def assert_done_once(request: GovernanceRequest, effects: Path) -> None:
    wait_until(lambda: status_of(request) == Status.SUCCEEDED, "the outcome")
    run = wait_until(lambda: Run.objects.exclude(state=Run.State.RUNNING).first(), "the end of the run")
    assert (run.state, run.output) == (Run.State.COMPLETED, Status.SUCCEEDED)
    assert Run.objects.count() == 1
    assert effects.read_text().split() == [request.arguments["beneficiary_id"]]
    moves = list(Transition.objects.filter(request=request).order_by("id").values_list("to_status", flat=True))
    assert moves == ["received", "scoring", "in_review", "approved", "executing", "succeeded"]
    assert request.decisions.count() == 1


BEFORE_DECISION = [point for point in POINTS if not point.startswith("finalize")]
AFTER_DECISION = [point for point in POINTS if point.startswith("finalize")]


@pytest.mark.parametrize("point", BEFORE_DECISION)
def test_killed_before_the_decision(point: str, start: Start, effects: Path) -> None:
    request = make_request(status=Status.RECEIVED)
    start(crash_at=point).wait_until_killed()
    start()
    wait_for_review(request)
    approve(request)
    assert_done_once(request, effects)


@pytest.mark.parametrize("point", AFTER_DECISION)
def test_killed_after_the_decision(point: str, start: Start, effects: Path) -> None:
    request = make_request(status=Status.RECEIVED)
    dying = start(crash_at=point)
    wait_for_review(request)
    approve(request)
    dying.wait_until_killed()
    start()
    assert_done_once(request, effects)


def test_killed_while_it_waits(start: Start, effects: Path) -> None:
    request = make_request(status=Status.RECEIVED)
    waiting = start()
    wait_for_review(request)
    waiting.kill()
    start()
    approve(request)
    assert_done_once(request, effects)


def test_decided_while_it_is_down_past_the_timeout_of_the_wait(start: Start, effects: Path) -> None:
    request = make_request(status=Status.RECEIVED)
    waiting = start()
    wait_for_review(request)
    waiting.kill()
    approve(request)
    Pause.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    start()
    assert_done_once(request, effects)


def test_killed_while_the_approval_can_be_undone(start: Start, effects: Path, settings: Any) -> None:
    settings.UNDO_SECONDS = 2
    request = make_request(status=Status.RECEIVED)
    waiting = start()
    wait_for_review(request)
    approve(request, Source.CONSOLE)
    waiting.kill()
    start()
    assert_done_once(request, effects)


def test_an_approval_that_was_undone_runs_nothing_and_the_next_one_once(
    start: Start, effects: Path, settings: Any
) -> None:
    settings.UNDO_SECONDS = 60
    request = make_request(status=Status.RECEIVED)
    start()
    wait_for_review(request)
    actions.undo(request, reviewer=approve(request, Source.CONSOLE).reviewer)
    assert status_of(request) == Status.IN_REVIEW and not effects.read_text()
    approve(request)
    wait_until(lambda: status_of(request) == Status.SUCCEEDED, "the outcome")
    assert effects.read_text().split() == [request.arguments["beneficiary_id"]]
    assert Execution.objects.get(request=request).attempts == 1


def test_killed_in_the_middle_of_the_tool_it_never_runs_twice(start: Start, effects: Path) -> None:
    request = make_request(status=Status.RECEIVED)
    dying = start(crash_at="in the tool")
    wait_for_review(request)
    approve(request)
    dying.wait_until_killed()
    assert status_of(request) == Status.EXECUTING
    start()
    wait_until(lambda: status_of(request) == Status.OUTCOME_UNKNOWN, "the unknown outcome")
    wait_until(lambda: Run.objects.filter(state=Run.State.COMPLETED).exists(), "the end of the run")
    assert effects.read_text().split() == [request.arguments["beneficiary_id"]]
    assert Execution.objects.get(request=request).attempts == 1


def test_killed_in_the_middle_of_an_idempotent_tool_it_runs_again(start: Start, effects: Path) -> None:
    request = make_request(status=Status.RECEIVED, tool=make_tool(annotations={"idempotentHint": True}))
    dying = start(crash_at="in the tool", RISK="10")
    dying.wait_until_killed()
    start()
    wait_until(lambda: status_of(request) == Status.SUCCEEDED, "the outcome")
    assert effects.read_text().split() == [request.arguments["beneficiary_id"]] * 2


def test_three_processes_run_every_request_exactly_once(start: Start, effects: Path) -> None:
    processes = [start(RISK="10") for _ in range(3)]
    for process in processes:
        process.wait_until_ready()
    requests = [make_request(status=Status.RECEIVED) for _ in range(60)]
    wait_until(
        lambda: not GovernanceRequest.objects.exclude(status=Status.SUCCEEDED).exists()
        and not Run.objects.filter(state=Run.State.RUNNING).exists(),
        "the outcome of every request",
    )
    assert sorted(effects.read_text().split()) == sorted(request.arguments["beneficiary_id"] for request in requests)
    assert Run.objects.count() == 60
    assert Execution.objects.filter(attempts=1).count() == 60
