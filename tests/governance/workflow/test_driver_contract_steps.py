"""Contract of both drivers, groups 1 to 4 and 8: steps, attempts, errors, parallel steps and sleeps."""

import hashlib
import time
from datetime import timedelta

import inngest
import pytest

from tests.governance.workflow.drivers import Driver


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def trigger(driver: Driver, name: str = "start") -> inngest.TriggerEvent:
    return inngest.TriggerEvent(event=driver.event(name))


def test_a_step_is_known_by_the_sha1_of_its_id_and_repeats_get_a_number(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="ids", trigger=trigger(driver))
        def ids(ctx):
            for step_id in ("a", "b", "a", "a"):
                ctx.step.run(step_id, lambda: None)
        return [ids]

    driver.serve(build)
    driver.send("start")
    run_id = driver.only_run()
    driver.ends_as(run_id, "COMPLETED")
    call = driver.last_call(run_id)
    expected = [sha1("a"), sha1("b"), sha1("a:1"), sha1("a:2")]
    assert set(call["steps"]) == set(expected)
    assert call["ctx"]["stack"]["stack"] == expected


def test_the_server_counts_retries_plus_one_attempts(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="attempts", trigger=trigger(driver), retries=2)
        def attempts(ctx):
            return None
        return [attempts]

    driver.serve(build)
    driver.send("start")
    assert driver.last_call(driver.only_run())["ctx"]["max_attempts"] == 3


def test_attempts_start_again_after_every_finished_step_and_the_body_runs_for_every_call(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="flaky", trigger=trigger(driver), retries=2)
        def flaky(ctx):
            driver.journal.add("body")

            def fail_once(name):
                driver.journal.add((name, ctx.attempt))
                if ctx.attempt == 0:
                    raise ValueError("not yet")

            ctx.step.run("first", fail_once, "first")
            ctx.step.run("second", fail_once, "second")
        return [flaky]

    driver.serve(build)
    driver.send("start")
    driver.ends_as(driver.only_run(), "COMPLETED")
    assert [entry for entry in driver.journal.entries if entry != "body"] == [
        ("first", 0), ("first", 1), ("second", 0), ("second", 1)
    ]
    assert driver.journal.count("body") == len(driver.calls) == 5


@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, "text ü \" \\ \n", [1, [2]], {"data": {"error": None}}, 2**53 - 1]
)
def test_a_step_result_comes_back_as_it_was(driver: Driver, value: object) -> None:
    def build(client):
        @client.create_function(fn_id="memo", trigger=trigger(driver))
        def memo(ctx):
            result = ctx.step.run("value", lambda: value)
            ctx.step.run("note", lambda: driver.journal.add(("got", result)) and None)
        return [memo]

    driver.serve(build)
    driver.send("start")
    driver.ends_as(driver.only_run(), "COMPLETED")
    assert ("got", value) in driver.journal.entries
    assert driver.last_call(driver.only_run())["steps"][sha1("value")] == {"data": value}


def test_a_step_that_fails_for_good_is_remembered_as_its_error_and_the_function_goes_on(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="lost", trigger=trigger(driver), retries=1)
        def lost(ctx):
            def fail():
                driver.journal.add("tried")
                raise ValueError("no such thing")

            try:
                ctx.step.run("fails", fail)
            except inngest.StepError as error:
                caught = ("caught", error.name, error.message)
                ctx.step.run("after", lambda: driver.journal.add(caught) and None)
        return [lost]

    driver.serve(build)
    driver.send("start")
    run_id = driver.only_run()
    driver.ends_as(run_id, "COMPLETED")
    assert driver.journal.entries == ["tried", "tried", ("caught", "ValueError", "no such thing")]
    memo = driver.last_call(run_id)["steps"][sha1("fails")]
    assert list(memo) == ["error"]
    assert (memo["error"]["name"], memo["error"]["message"]) == ("ValueError", "no such thing")


def test_a_function_that_raises_is_tried_again_then_failed_and_told_to_on_failure_once(driver: Driver) -> None:
    def build(client):
        def on_failure(ctx):
            driver.journal.add(("failed", ctx.event.name, ctx.event.data["run_id"], ctx.event.data["function_id"],
                                ctx.event.data["event"]["data"]["k"], ctx.attempt))

        @client.create_function(fn_id="raises", trigger=trigger(driver), retries=2, on_failure=on_failure)
        def raises(ctx):
            driver.journal.add(("tried", ctx.attempt))
            raise RuntimeError("always")
        return [raises]

    driver.serve(build)
    driver.send("start", {"k": 7})
    run_id = driver.only_run()
    driver.ends_as(run_id, "FAILED")
    told = ("failed", "inngest/function.failed", run_id, f"contract-{driver.tag}-raises", 7, 0)
    driver.journal.wait_for(told)
    assert driver.journal.entries == [("tried", 0), ("tried", 1), ("tried", 2), told]


def test_a_failing_on_failure_is_not_tried_again(driver: Driver) -> None:
    def build(client):
        def on_failure(ctx):
            driver.journal.add("told")
            raise RuntimeError("the handler is broken too")

        @client.create_function(fn_id="raises", trigger=trigger(driver), retries=0, on_failure=on_failure)
        def raises(ctx):
            raise RuntimeError("always")

        @client.create_function(fn_id="other", trigger=trigger(driver, "other"))
        def other(ctx):
            driver.journal.add("other")
        return [raises, other]

    driver.serve(build)
    driver.send("start")
    driver.journal.wait_for("told")
    driver.wait_until(lambda: len(driver.run_ids()) == 2, "the run of on_failure")
    driver.ends_as(driver.run_ids()[1], "FAILED")
    driver.send("other")
    driver.journal.wait_for("other")
    assert driver.journal.count("told") == 1


@pytest.mark.parametrize("inside_step", [False, True])
def test_an_error_that_forbids_a_retry_fails_the_run_at_attempt_0(driver: Driver, inside_step: bool) -> None:
    def build(client):
        @client.create_function(fn_id="stop", trigger=trigger(driver), retries=5)
        def stop(ctx):
            def give_up():
                driver.journal.add(("tried", ctx.attempt))
                raise inngest.NonRetriableError("never again")

            ctx.step.run("give-up", give_up) if inside_step else give_up()
        return [stop]

    driver.serve(build)
    driver.send("start")
    driver.ends_as(driver.only_run(), "FAILED")
    assert driver.journal.entries == [("tried", 0)]


def test_a_retry_after_is_waited_for(driver: Driver) -> None:
    times: list[float] = []

    def build(client):
        @client.create_function(fn_id="later", trigger=trigger(driver), retries=1)
        def later(ctx):
            times.append(time.monotonic())
            driver.journal.add(("tried", ctx.attempt))
            if ctx.attempt == 0:
                raise inngest.RetryAfterError("busy", timedelta(seconds=2))
        return [later]

    driver.serve(build)
    driver.send("start")
    driver.ends_as(driver.only_run(), "COMPLETED")
    assert driver.journal.entries == [("tried", 0), ("tried", 1)]
    assert times[1] - times[0] > 1.5


def test_parallel_steps_run_once_each_and_are_joined_once(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="parallel", trigger=trigger(driver))
        def parallel(ctx):
            def one(name):
                return driver.journal.add(name)

            found = ctx.group.parallel(
                tuple(lambda name=name: ctx.step.run(name, one, name) for name in ("x", "y", "z"))
            )
            ctx.step.run("join", lambda: driver.journal.add(("joined", *found)) and None)
        return [parallel]

    driver.serve(build)
    driver.send("start")
    driver.ends_as(driver.only_run(), "COMPLETED")
    assert sorted(map(str, driver.journal.entries[:3])) == ["x", "y", "z"]
    assert driver.journal.entries[3:] == [("joined", "x", "y", "z")]


def test_a_parallel_step_that_fails_is_joined_as_its_error(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="branches", trigger=trigger(driver), retries=1)
        def branches(ctx):
            def fail():
                driver.journal.add("fails")
                raise ValueError("broken branch")

            def guarded():
                try:
                    return ctx.step.run("bad", fail)
                except inngest.StepError as error:
                    return error.message

            found = ctx.group.parallel((guarded, lambda: ctx.step.run("good", lambda: "fine")))
            ctx.step.run("join", lambda: driver.journal.add(("joined", *found)) and None)
        return [branches]

    driver.serve(build)
    driver.send("start")
    driver.ends_as(driver.only_run(), "COMPLETED")
    assert driver.journal.count("fails") == 2
    assert driver.journal.entries[-1] == ("joined", "broken branch", "fine")


def test_sleeps_and_waits_may_stand_in_parallel_with_steps(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="mixed", trigger=trigger(driver))
        def mixed(ctx):
            found = ctx.group.parallel((
                lambda: ctx.step.run("work", lambda: "done"),
                lambda: ctx.step.sleep("nap", timedelta(seconds=1)),
                lambda: ctx.step.wait_for_event("wait", event=driver.event("go"), timeout=60_000).data["n"],
            ))
            ctx.step.run("join", lambda: driver.journal.add(("joined", *found)) and None)
        return [mixed]

    driver.serve(build)
    driver.send("start")
    driver.wait_for_waits(1)
    driver.send("go", {"n": 3})
    driver.ends_as(driver.only_run(), "COMPLETED")
    assert driver.journal.entries == [("joined", "done", None, 3)]


def test_a_sleep_gives_null(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="sleeper", trigger=trigger(driver))
        def sleeper(ctx):
            result = ctx.step.sleep("nap", timedelta(seconds=1))
            ctx.step.run("note", lambda: driver.journal.add(("slept", result)) and None)
        return [sleeper]

    driver.serve(build)
    driver.send("start")
    run_id = driver.only_run()
    driver.ends_as(run_id, "COMPLETED")
    assert driver.journal.entries == [("slept", None)]
    assert driver.last_call(run_id)["steps"][sha1("nap")] is None
