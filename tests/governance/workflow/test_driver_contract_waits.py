"""Contract of both drivers, groups 5, 6, 7 and 9: waits, their `if`, event ids and reserved names."""

import hashlib

import inngest
import pytest

from tests.governance.workflow.drivers import Build, Driver
from tests.governance.workflow.if_cases import CASES

SHORT = 2_000  # milliseconds; ends by itself
LONG = 600_000


def waiting(driver: Driver, *, timeout: int = LONG, if_exp: str | None = "async.data.k == event.data.k") -> Build:
    """A function that waits for one `go` and notes what came: ("got", k, n) or ("got", k, None)."""
    def build(client):
        @client.create_function(fn_id="waits", trigger=inngest.TriggerEvent(event=driver.event("start")), retries=0)
        def waits(ctx):
            k = ctx.event.data.get("k")
            ctx.step.run("begin", lambda: driver.journal.add(("begun", k)) and None)
            event = ctx.step.wait_for_event("go", event=driver.event("go"), if_exp=if_exp, timeout=timeout)
            ctx.step.run("note", lambda: driver.journal.add(("got", k, event and event.data["n"])) and None)
        return [waits]
    return build


def test_a_wait_gives_the_whole_event(driver: Driver) -> None:
    driver.serve(waiting(driver))
    driver.send("start", {"k": "a"})
    driver.wait_for_waits(1)
    driver.send("go", {"k": "a", "n": 1}, event_id=f"go-{driver.tag}")
    run_id = driver.only_run()
    driver.ends_as(run_id, "COMPLETED")
    memo = driver.last_call(run_id)["steps"][hashlib.sha1(b"go").hexdigest()]
    assert (memo["name"], memo["data"]) == (driver.event("go"), {"k": "a", "n": 1})
    assert memo["ts"] > 0


def test_a_timeout_gives_none(driver: Driver) -> None:
    driver.serve(waiting(driver, timeout=SHORT))
    driver.send("start", {"k": "a"})
    driver.ends_as(driver.only_run(), "COMPLETED")
    assert driver.journal.entries == [("begun", "a"), ("got", "a", None)]


def test_only_the_matching_wait_is_resumed(driver: Driver) -> None:
    driver.serve(waiting(driver))
    for k in ("a", "b"):
        driver.send("start", {"k": k})
    driver.wait_for_waits(2)
    driver.send("go", {"k": "b", "n": 1})
    driver.journal.wait_for(("got", "b", 1))
    driver.send("go", {"k": "a", "n": 2})
    driver.journal.wait_for(("got", "a", 2))


def test_of_two_events_one_resumes_and_the_other_does_nothing(driver: Driver) -> None:
    driver.serve(waiting(driver))
    driver.send("start", {"k": "a"})
    driver.wait_for_waits(1)
    driver.send("go", {"k": "a", "n": 1})
    driver.send("go", {"k": "a", "n": 2})
    driver.ends_as(driver.only_run(), "COMPLETED")
    assert len([entry for entry in driver.journal.entries if entry[0] == "got"]) == 1


def test_an_event_of_before_the_wait_is_never_seen(driver: Driver) -> None:
    driver.serve(waiting(driver, timeout=SHORT))
    driver.send("go", {"k": "a", "n": 1})
    driver.send("start", {"k": "a"})
    driver.ends_as(driver.only_run(), "COMPLETED")
    assert ("got", "a", None) in driver.journal.entries


def test_the_triggering_event_does_not_resume_its_own_run(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="self", trigger=inngest.TriggerEvent(event=driver.event("start")))
        def itself(ctx):
            event = ctx.step.wait_for_event("again", event=driver.event("start"), timeout=SHORT)
            ctx.step.run("note", lambda: driver.journal.add(("got", event)) and None)
        return [itself]

    driver.serve(build)
    driver.send("start")
    driver.ends_as(driver.only_run(), "COMPLETED")
    assert driver.journal.entries == [("got", None)]


def test_an_event_after_the_timeout_changes_nothing(driver: Driver) -> None:
    driver.serve(waiting(driver, timeout=SHORT))
    driver.send("start", {"k": "a"})
    driver.journal.wait_for(("got", "a", None))
    driver.send("go", {"k": "a", "n": 1})
    driver.send("start", {"k": "b"})
    driver.journal.wait_for(("got", "b", None))
    assert ("got", "a", 1) not in driver.journal.entries


def test_an_if_means_the_same(driver: Driver) -> None:
    """All cases at once: one run and one event name for each."""
    def build(client):
        @client.create_function(fn_id="cases", trigger=inngest.TriggerEvent(event=driver.event("start")))
        def cases(ctx):
            number = ctx.event.data["number"]
            event = ctx.step.wait_for_event(
                "go", event=driver.event(f"go-{number}"), if_exp=CASES[number][0], timeout=5 * SHORT
            )
            ctx.step.run("note", lambda: driver.journal.add((number, event is not None)) and None)
        return [cases]

    driver.serve(build)
    for number, (_, triggering, _, _) in enumerate(CASES):
        driver.send("start", {"number": number, **triggering})
    driver.wait_for_waits(len(CASES))
    for number, (_, _, arriving, _) in enumerate(CASES):
        driver.send(f"go-{number}", arriving)
    driver.wait_until(lambda: len(driver.journal.entries) == len(CASES), "the end of every case")
    assert sorted(driver.journal.entries) == [(number, case[3]) for number, case in enumerate(CASES)]


@pytest.mark.parametrize("expression", ["async.data.k ==", "async.data.k == unknown.data.k", "== 1", "a b c"])
def test_an_if_that_cannot_be_compiled_fails_the_run_at_once(driver: Driver, expression: str) -> None:
    driver.serve(waiting(driver, if_exp=expression))
    driver.send("start", {"k": "a"})
    driver.ends_as(driver.only_run(), "FAILED")
    assert driver.journal.entries == [("begun", "a")]


def test_an_event_id_starts_a_run_once_also_after_the_run_ended(driver: Driver) -> None:
    driver.serve(waiting(driver, timeout=SHORT))
    for _ in range(2):
        driver.send("start", {"k": "a"}, event_id=f"one-{driver.tag}")
    driver.journal.wait_for(("got", "a", None))
    driver.send("start", {"k": "a"}, event_id=f"one-{driver.tag}")
    driver.send("start", {"k": "b"}, event_id=f"two-{driver.tag}")
    driver.journal.wait_for(("got", "b", None))
    assert driver.journal.count(("begun", "a")) == 1


def test_an_event_id_sent_again_still_resumes_waits(driver: Driver) -> None:
    driver.serve(waiting(driver))
    for n, k in enumerate(("a", "b")):
        driver.send("start", {"k": k})
        driver.wait_for_waits(1, ended=n)
        driver.send("go", {"k": k, "n": n}, event_id=f"go-{driver.tag}")
        driver.journal.wait_for(("got", k, n))


def test_a_wait_is_at_least_a_second_and_whole_seconds(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="short", trigger=inngest.TriggerEvent(event=driver.event("start")), retries=0)
        def short(ctx):
            ctx.step.wait_for_event("go", event=driver.event("go"), timeout=ctx.event.data["timeout"])
        return [short]

    driver.serve(build)
    for number, timeout in enumerate((500, 1_500)):
        driver.send("start", {"timeout": timeout})
        run_id = driver.wait_until(lambda number=number: driver.run_ids()[number:], "a run")[0]
        driver.ends_as(run_id, "FAILED")


@pytest.mark.parametrize("name", ["inngest/function.failed", "inngest/function.finished", "inngest/anything"])
def test_the_drivers_own_event_names_are_refused_from_outside(driver: Driver, name: str) -> None:
    with pytest.raises(Exception, match=r"(?i)inngest/|reserved|internal|not allowed|invalid"):
        driver.client.send_sync(inngest.Event(name=name, data={"function_id": "x"}))


def test_a_step_may_send_events(driver: Driver) -> None:
    def build(client):
        @client.create_function(fn_id="sender", trigger=inngest.TriggerEvent(event=driver.event("start")))
        def sender(ctx):
            ctx.step.send_event("tell", inngest.Event(name=driver.event("told"), data={"n": 5}))

        @client.create_function(fn_id="receiver", trigger=inngest.TriggerEvent(event=driver.event("told")))
        def receiver(ctx):
            driver.journal.add(("told", ctx.event.data["n"]))
        return [sender, receiver]

    driver.serve(build)
    driver.send("start")
    driver.journal.wait_for(("told", 5))
