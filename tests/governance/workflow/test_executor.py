"""The embedded executor beyond the contract: leases, fencing, concurrency, hostile outputs, restarts."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import inngest
import psycopg
import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from governance import process
from governance.models import Event, Job, Pause, Run, Step
from governance.workflow.embedded import claims
from governance.workflow.embedded.backoff import TABLE, backoff, retry_after
from governance.workflow.embedded.calls import Answer, Functions
from governance.workflow.embedded.claims import LeaseLost, claim_due
from governance.workflow.embedded.executor import Executor
from governance.workflow.embedded.inbox import EventRefused, accept
from governance.workflow.embedded.ingest import take_in
from governance.workflow.embedded.results import record
from governance.workflow.sweeper import remove_old
from tests.governance.workflow.drivers import Build, EmbeddedDriver

PATIENCE = 20


@pytest.fixture
def embedded(transactional_db: None) -> Iterator[EmbeddedDriver]:
    made = EmbeddedDriver()
    yield made
    made.close()


def one(embedded: EmbeddedDriver, body: Callable[..., Any], **options: Any) -> Build:
    def build(client: inngest.Inngest) -> list[inngest.Function]:
        trigger = inngest.TriggerEvent(event=embedded.event("start"))
        return [client.create_function(fn_id="f", trigger=trigger, **options)(body)]
    return build


def dead_owner() -> str:
    """The identity of a process of this host that is gone."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(timeout=PATIENCE)
    host, _, rest = process.identity().partition("|")
    return f"{host}|{gone.pid}|{rest.split('|')[1]}#1"


def some_job(**fields: Any) -> Job:
    name = f"run-{Run.objects.count()}"
    run = Run.objects.create(run_id=name, function_id="f", event_key=name, event={})
    return Job.objects.create(run=run, run_at=timezone.now() - timedelta(seconds=1), **fields)


def test_a_slow_call_holds_up_no_other_run(embedded: EmbeddedDriver) -> None:
    go_on = threading.Event()

    def body(ctx: Any) -> None:
        def work() -> None:
            embedded.journal.add(("begun", ctx.event.data["n"]))
            assert ctx.event.data["n"] > 6 or go_on.wait(PATIENCE)

        ctx.step.run("work", work)
        ctx.step.run("done", lambda: embedded.journal.add(("done", ctx.event.data["n"])) and None)

    embedded.serve(one(embedded, body))
    try:
        for n in range(7):
            embedded.send("start", {"n": n})
        for n in range(7):
            embedded.journal.wait_for(("begun", n))  # seven at once
        embedded.send("start", {"n": 7})
        embedded.journal.wait_for(("done", 7))
        assert not any(entry[0] == "done" and entry[1] < 7 for entry in embedded.journal.entries)
    finally:
        go_on.set()
    embedded.journal.wait_for(("done", 0))


def test_stopping_does_not_wait_for_a_call_in_flight_which_still_counts(embedded: EmbeddedDriver) -> None:
    go_on, stopped = threading.Event(), threading.Event()

    def body(ctx: Any) -> None:
        ctx.step.run("work", lambda: embedded.journal.add("begun") and go_on.wait(PATIENCE) and None)

    embedded.serve(one(embedded, body))
    embedded.send("start")
    embedded.journal.wait_for("begun")
    threading.Thread(target=lambda: (embedded.executor.stop(timeout=1.0), stopped.set()), daemon=True).start()
    assert stopped.wait(10)
    go_on.set()
    embedded.wait_until(Step.objects.exists, "the memo of the call in flight")


def test_a_step_costs_one_commit(embedded: EmbeddedDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[str] = []
    original = BaseDatabaseWrapper._commit

    def count(self: BaseDatabaseWrapper) -> None:
        if threading.current_thread().name.startswith("executor-"):
            commits.append(threading.current_thread().name)
        original(self)

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", count)

    def body(ctx: Any) -> None:
        for name in ("a", "b", "c"):
            ctx.step.run(name, lambda: None)

    embedded.serve(one(embedded, body))
    embedded.send("start")
    embedded.ends_as(embedded.only_run(), "COMPLETED")
    embedded.close()
    assert len(commits) == 4  # three steps and the end


@pytest.mark.parametrize("output", [float("nan"), float("inf"), object(), {1, 2}])
def test_an_output_that_is_no_json_fails_the_run(embedded: EmbeddedDriver, output: object) -> None:
    embedded.serve(one(embedded, lambda ctx: ctx.step.run("bad", lambda: output), retries=1))
    embedded.send("start")
    embedded.ends_as(embedded.only_run(), "FAILED")
    assert Run.objects.get().output["error"]["name"] == "OutputUnserializableError"


@pytest.mark.parametrize("output", ["nul \x00 inside", "lone \ud800 surrogate"])
def test_an_output_the_database_may_refuse_ends_the_run_either_way(embedded: EmbeddedDriver, output: str) -> None:
    embedded.serve(one(embedded, lambda ctx: ctx.step.run("odd", lambda: output), retries=1))
    embedded.send("start")
    run_id = embedded.only_run()
    embedded.wait_until(lambda: embedded.state_of(run_id) != "RUNNING", "the end")
    assert not Job.objects.exists()


def test_a_step_that_exits_the_interpreter_is_tried_again(embedded: EmbeddedDriver) -> None:
    def body(ctx: Any) -> None:
        def leave() -> None:
            embedded.journal.add(("tried", ctx.attempt))
            if ctx.attempt == 0:
                sys.exit(3)

        ctx.step.run("leave", leave)

    embedded.serve(one(embedded, body, retries=1))
    embedded.send("start")
    embedded.ends_as(embedded.only_run(), "COMPLETED")
    assert embedded.journal.entries == [("tried", 0), ("tried", 1)]


def test_a_fault_around_the_call_counts_as_an_attempt(
    embedded: EmbeddedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Executor, job: Job, run: Run) -> None:
        raise RuntimeError("cannot be read")

    monkeypatch.setattr(Executor, "_payload", broken)
    embedded.serve(one(embedded, lambda ctx: None, retries=2))
    embedded.send("start")
    embedded.wait_until(lambda: Run.objects.filter(state=Run.State.FAILED).exists(), "the end")
    assert Run.objects.get().output["error"]["message"] == "cannot be read"


def test_unfinished_runs_go_on_at_start(embedded: EmbeddedDriver) -> None:
    embedded.send("start")
    functions = Functions(embedded.client, one(embedded, lambda ctx: None)(embedded.client))
    take_in(functions, "", slots=0, now=timezone.now())
    Job.objects.update(lease_owner=dead_owner(), lease_until=timezone.now() + timedelta(hours=1))
    embedded.serve(one(embedded, lambda ctx: embedded.journal.add("ran") and None))
    embedded.ends_as(embedded.only_run(), "COMPLETED")
    assert embedded.journal.entries == ["ran"]


@pytest.mark.django_db
def test_a_lease_of_a_process_that_may_live_is_left_until_it_ends() -> None:
    now = timezone.now()
    elsewhere = some_job(lease_owner="another-host|1|x#1", lease_until=now + timedelta(seconds=30))
    mine = some_job(lease_owner=f"{process.identity()}#99", lease_until=now + timedelta(seconds=30))
    dead = some_job(lease_owner=dead_owner(), lease_until=now + timedelta(seconds=30))
    assert claims.release_abandoned("me#1", []) == 1
    assert [job.pk for job in claim_due("me#1", now=now, limit=9)] == [dead.pk]
    later = now + timedelta(seconds=31)
    assert {job.pk for job in claim_due("other#1", now=later, limit=9)} == {elsewhere.pk, mine.pk, dead.pk}


@pytest.mark.django_db
def test_a_renewed_lease_is_not_taken() -> None:
    now = timezone.now()
    job = some_job()
    assert claim_due("me", now=now, limit=1)
    claims.renew("me", [job.pk], now + timedelta(seconds=20))
    assert claim_due("other", now=now + timedelta(seconds=40), limit=1) == []


@pytest.mark.django_db
def test_a_result_without_the_lease_changes_nothing() -> None:
    job = some_job()
    now = timezone.now()
    [slow] = claim_due("slow", now=now, limit=1)
    [quick] = claim_due("quick", now=now + timedelta(seconds=31), limit=1)
    assert (slow.pk, quick.pk) == (job.pk, job.pk)
    step = [{"op": "StepRun", "id": "s", "displayName": "s", "data": 1}]
    for answer in (Answer(206, step), Answer(200, None), Answer(500, {}), Answer(500, {}, retryable=False),
                   Answer(206, [{"op": "Sleep", "id": "s", "name": "2030-01-01T00:00:00Z"}])):
        with pytest.raises(LeaseLost):
            record(slow, answer, max_attempts=4, backoff=backoff)
    assert not Step.objects.exists()
    assert not Pause.objects.exists()
    assert Run.objects.get().state == Run.State.RUNNING
    assert record(quick, Answer(206, step), max_attempts=4, backoff=backoff) is quick


def test_an_expired_wait_never_matches_even_before_its_timeout_is_worked_off(embedded: EmbeddedDriver) -> None:
    def body(ctx: Any) -> None:
        event = ctx.step.wait_for_event("go", event=embedded.event("go"), timeout=600_000)
        embedded.journal.add(("got", event))

    embedded.serve(one(embedded, body))
    embedded.send("start")
    embedded.wait_for_waits(1)
    embedded.close()
    Pause.objects.update(expires_at=timezone.now())
    embedded.send("go")
    embedded.serve(one(embedded, body))
    embedded.journal.wait_for(("got", None))


def test_an_event_id_may_start_a_run_again_after_a_day(embedded: EmbeddedDriver) -> None:
    embedded.serve(one(embedded, lambda ctx: embedded.journal.add("ran") and None))
    embedded.send("start", event_id="daily")
    embedded.ends_as(embedded.only_run(), "COMPLETED")
    Run.objects.update(started_at=timezone.now() - timedelta(hours=24))
    embedded.send("start", event_id="daily")
    embedded.journal.wait_for("ran", times=2)


@pytest.mark.django_db
def test_runs_that_ended_a_week_ago_are_removed_and_no_others() -> None:
    now = timezone.now()
    for days, state in ((8, Run.State.COMPLETED), (6, Run.State.COMPLETED), (None, Run.State.RUNNING)):
        run = some_job().run
        Step.objects.create(run=run, step_id="s")
        Run.objects.filter(pk=run.pk).update(
            state=state, ended_at=days and now - timedelta(days=days), started_at=now - timedelta(days=30)
        )
    assert remove_old(now) == 1
    assert (Run.objects.count(), Step.objects.count()) == (2, 2)


@pytest.mark.django_db
def test_an_event_joins_the_transaction_of_its_sender() -> None:
    with pytest.raises(EventRefused):
        accept([inngest.Event(name="fine"), inngest.Event(name="inngest/function.failed")])
    assert not Event.objects.exists()
    with pytest.raises(EventRefused):
        accept([inngest.Event(name="x" * 101)])


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server to restart")
def test_a_restart_of_the_database_heals_and_keeps_the_result_at_hand(embedded: EmbeddedDriver) -> None:
    def body(ctx: Any) -> None:
        def work() -> None:
            embedded.journal.add("worked")
            cut_every_other_connection()

        ctx.step.run("work", work)
        ctx.step.run("after", lambda: embedded.journal.add("after") and None)

    embedded.serve(one(embedded, body))
    embedded.send("start")
    try:
        embedded.journal.wait_for("after")
    finally:
        embedded.close()
        connection.close()
        connection.close_pool()  # the tests after this one get connections that were not cut
    assert embedded.journal.entries == ["worked", "after"]


def cut_every_other_connection() -> None:
    """What a restart of PostgreSQL does to its clients, this thread's own connection included."""
    given = connection.settings_dict
    with psycopg.connect(
        host=given["HOST"], port=given["PORT"], user=given["USER"], password=given["PASSWORD"], dbname="postgres"
    ) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [given["NAME"]])


def test_the_backoff_is_the_servers_table() -> None:
    for attempt in range(25):
        seconds = backoff(attempt).total_seconds()
        base = TABLE[min(attempt, 9)]
        assert base <= seconds <= base + 30


@pytest.mark.parametrize(("header", "seconds"), [
    ("2026-01-01T00:00:10.000Z", 10), ("2026-01-01T00:00:00.100Z", 1), ("2025-01-01T00:00:00.000Z", 1),
    ("2027-01-01T00:00:00.000Z", 86_400), ("7", 7), ("0", 1), ("99999999", 86_400), ("soon", None), ("", None),
    ("2026-01-01T00:00:10", None),
])
def test_retry_after_lies_between_a_second_and_a_day(header: str, seconds: int | None) -> None:
    wait = retry_after(header, datetime(2026, 1, 1, tzinfo=UTC))
    assert (wait and wait.total_seconds()) == seconds

