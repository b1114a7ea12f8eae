"""What the console may cost: bytes of the first page, shifts while it loads, time from a press to what it does.

The files are served as in production: collected, under hashed names, compressed.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESK, PHONE, Console, listening, log_in
from tests.gateway import ROOT, clean_env

FIRST_PAGE_BYTES = 100_000
MOST_SHIFT = 0.001
MOST_MS = 100
TRIES = 5

WATCH_SHIFTS = """window.shifted = 0; window.shifts = [];
new PerformanceObserver((list) => { for (const entry of list.getEntries()) {
  shifted += entry.value;
  shifts.push(entry.sources.map((source) => source.node?.outerHTML?.slice(0, 80)).join(" | "));
} }).observe({ type: "layout-shift", buffered: true });"""
# From the press to the frame that shows what it did, as the browser itself measures it (in steps of 8 ms).
WATCH_EVENTS = """window.pressed = [];
new PerformanceObserver((list) => { for (const entry of list.getEntries()) {
  if (["keydown", "click"].includes(entry.name)) pressed.push(entry.duration);
} }).observe({ type: "event", durationThreshold: 16, buffered: true });"""
QUIET = """() => new Promise((done) => {
  requestIdleCallback(() => requestAnimationFrame(() => setTimeout(done, 200)), { timeout: 500 });
})"""


@pytest.fixture(scope="module")
def running(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("budget")
    shutil.copytree(migrated.parent, folder, dirs_exist_ok=True)
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"], cwd=ROOT, check=True,
        env=clean_env(ATLAS_DATA_DIR=str(folder), ATLAS_STATIC_ROOT=str(folder / "static")),
    )
    running = Console(folder, migrated, static=folder / "static")
    running.make("make_reviewer('sarah', first_name='Sarah', last_name='Lind')")
    running.make(
        "make_agent('Pay-desk') and [make_request(risk=risk, stated_reason='The rent.') for risk in range(70, 100)]"
    )
    yield running
    running.close()


@pytest.fixture
def open_page(running: Console, browser: Browser) -> Iterator[Callable[..., Page]]:
    contexts = []

    def open_page(**options: Any) -> Page:
        context = browser.new_context(base_url=running.url, service_workers="block", **options)
        contexts.append(context)
        log_in(running, context, "sarah")
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


def places(console: Console) -> tuple[str, ...]:
    return "/queue/", f"/requests/{console.make('GovernanceRequest.objects.first().reference')}/", "/overview/"


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
def test_the_first_page_takes_less_than_100_kilobytes(
    running: Console, open_page: Callable[..., Page], device: dict[str, Any]
) -> None:
    """All that travels, headers included, with an empty cache, until the page has nothing left to do."""
    page, names, sizes = open_page(**device), {}, {}
    session = page.context.new_cdp_session(page)
    session.on("Network.requestWillBeSent", lambda said: names.update({said["requestId"]: said["request"]["url"]}))
    session.on("Network.loadingFinished", lambda said: sizes.update({said["requestId"]: said["encodedDataLength"]}))
    session.send("Network.enable")
    page.goto("/queue/", wait_until="networkidle")
    listening(page)
    page.evaluate(QUIET)
    page.wait_for_load_state("networkidle")
    told = {names.get(key, key).removeprefix(running.url): round(size) for key, size in sizes.items()}
    assert any("inter" in name for name in told), "the font is among them"
    assert sum(told.values()) < FIRST_PAGE_BYTES, f"{sum(told.values())}: {json.dumps(told, indent=1)}"


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_moves_while_a_page_loads(
    running: Console, open_page: Callable[..., Page], device: dict[str, Any]
) -> None:
    page = open_page(**device)
    page.add_init_script(WATCH_SHIFTS)
    for place in places(running):
        page.goto(place, wait_until="networkidle")
        listening(page)
        page.evaluate(QUIET)
        assert page.evaluate("shifted") < MOST_SHIFT, f"{place}: {page.evaluate('shifts')}"


def fastest(page: Page, press: Callable[[], object]) -> float:
    """The best of some tries, in milliseconds: what the page needs, not what a busy machine adds.

    What took less than the 16 ms that the browser begins to tell counts as 16.
    """
    best = float("inf")
    for _ in range(TRIES):
        page.evaluate("pressed.length = 0")
        press()
        page.evaluate(QUIET)
        best = min(best, max(page.evaluate("pressed"), default=16))
        if best < MOST_MS:
            break
    return best


def test_a_press_is_answered_within_a_tenth_of_a_second(
    running: Console, open_page: Callable[..., Page]
) -> None:
    page = open_page(**DESK)
    page.add_init_script(WATCH_EVENTS)
    page.goto("/queue/")
    listening(page)
    took = {
        "j": fastest(page, lambda: page.keyboard.press("j")),
        "x": fastest(page, lambda: page.keyboard.press("x")),
        "?": fastest(page, lambda: (page.keyboard.press("?"), page.keyboard.press("Escape"))),
        "filter": fastest(page, lambda: page.get_by_role("button", name="Risk").click()),
    }
    page.keyboard.press("Escape")
    page.goto(places(running)[1])
    listening(page)
    took["reject"] = fastest(page, lambda: page.locator("[data-panel=reject] > summary").click())
    expect(page.locator("#reason")).to_be_attached()
    assert max(took.values()) < MOST_MS, took
