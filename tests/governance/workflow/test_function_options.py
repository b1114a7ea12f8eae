"""What the embedded executor has not, it refuses: options at start, operations when a run asks for them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import inngest
import pytest
from django.core.exceptions import ImproperlyConfigured

from governance.models import Run
from governance.workflow.client import EmbeddedClient
from governance.workflow.embedded.calls import Functions
from governance.workflow.function import build_functions
from tests.governance.workflow.drivers import EmbeddedDriver

DAY = timedelta(days=1)
OPTIONS: dict[str, Any] = {
    "batch_events": inngest.Batch(max_size=2, timeout=DAY),
    "cancel": [inngest.Cancel(event="stop")],
    "concurrency": [inngest.Concurrency(limit=1)],
    "debounce": inngest.Debounce(period=DAY),
    "idempotency": "event.data.id",
    "priority": inngest.Priority(run="100"),
    "rate_limit": inngest.RateLimit(limit=1, period=DAY),
    "throttle": inngest.Throttle(limit=1, period=DAY),
    "timeouts": inngest.Timeouts(start=DAY),
    "singleton": inngest.Singleton(mode="skip"),
    "retries": 21,
}
TRIGGERS: dict[str, Any] = {
    "cron": inngest.TriggerCron(cron="* * * * *"),
    "expression": inngest.TriggerEvent(event="a/b", expression="event.data.x == 1"),
    "pattern": inngest.TriggerEvent(event="a/*"),
    "one of two": [inngest.TriggerEvent(event="a/b"), inngest.TriggerCron(cron="* * * * *")],
    "none": [],
}


def functions(body: Callable[..., Any] = lambda ctx: None, **options: Any) -> Functions:
    client = EmbeddedClient("options-test")
    options.setdefault("trigger", inngest.TriggerEvent(event="a/b"))
    return Functions(client, [client.create_function(fn_id="f", **options)(body)])


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_it_has_not_is_refused_at_start(option: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"options-test-f"):
        functions(**{option: OPTIONS[option]})


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_trigger_it_has_not_is_refused_at_start(trigger: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"options-test-f"):
        functions(trigger=TRIGGERS[trigger])


def test_an_async_function_is_refused_at_start() -> None:
    async def body(ctx: object) -> None:
        pass

    with pytest.raises(ImproperlyConfigured, match="async"):
        functions(body)


def test_name_retries_on_failure_and_several_events_are_supported() -> None:
    found = functions(
        name="F", retries=20, on_failure=lambda ctx: None,
        trigger=[inngest.TriggerEvent(event="a/b"), inngest.TriggerEvent(event="c/d")],
    )
    assert found.configs["options-test-f"].events == {"a/b", "c/d"}
    assert found.configs["options-test-f"].max_attempts == 21
    assert found.failure_of("options-test-f").max_attempts == 1


def test_the_governance_workflow_asks_for_nothing_else() -> None:
    client = EmbeddedClient()
    config = Functions(client, build_functions(client)).configs["atlas_governance-governance-workflow"]
    assert (config.events, config.max_attempts) == (frozenset({"atlas/tool.execution_requested"}), 21)


def _invoke(ctx: Any, client: inngest.Inngest) -> None:
    ctx.step.invoke_by_id("call", function_id="other")


def _race(ctx: Any, client: inngest.Inngest) -> None:
    ctx.group.parallel(
        (lambda: ctx.step.run("x", lambda: 1), lambda: ctx.step.run("y", lambda: 2)),
        parallel_mode=inngest.ParallelMode.RACE,
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("unsupported", [_invoke, _race])
def test_an_operation_it_has_not_fails_the_run(unsupported: Callable[..., None]) -> None:
    driver = EmbeddedDriver()

    def build(client: inngest.Inngest) -> list[inngest.Function]:
        @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event=driver.event("start")))
        def f(ctx):
            unsupported(ctx, client)
        return [f]

    driver.serve(build)
    try:
        driver.send("start")
        driver.ends_as(driver.only_run(), "FAILED")
    finally:
        driver.close()
    assert "not support" in Run.objects.get().output["error"]["message"]
