"""WCAG 2.2 AA as far as rules can tell: axe-core on every page of the console, both themes, at a desk and on a phone.

Each page is loaded once at each width; for the other theme only the contrasts are measured again, since nothing but
colours differs.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESK, PHONE, Console, log_in

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """async (given) => (await axe.run(document, given)).violations.flatMap(
  (rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")} ${node.failureSummary}`)
)"""
ALL = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
LIVE = "__import__('tests.browser.day', fromlist=['live_a_day']).live_a_day().reference"


class Lively(Console):
    """With a day's requests in it."""

    def fill(self) -> None:
        self.waiting = self.make(LIVE)
        self.ended = self.make(
            "GovernanceRequest.objects.filter(status='succeeded', decisions__reviewer__isnull=False).first().reference"
        )
        self.agent, self.tool = self.make("Agent.objects.first().pk"), self.make("Tool.objects.first().pk")


@pytest.fixture(scope="module")
def lively(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lively]:
    folder = tmp_path_factory.mktemp("lively")
    shutil.copytree(migrated.parent, folder, dirs_exist_ok=True)
    running = Lively(folder, migrated)
    running.fill()
    yield running
    running.close()


def pages_of(console: Lively) -> dict[str, Callable[[Page], object]]:
    """Name of a page, and how it is come by. The last ones are somebody else's, or nobody's."""
    places = {
        "overview": "/overview/", "overview of 7 days": "/overview/?range=7d", "history": "/history/",
        "card, ended": f"/requests/{console.ended}/", "trace": f"/requests/{console.ended}/trace/",
        "agents": "/agents/", "agent": f"/agents/{console.agent}/", "tools": "/tools/",
        "tool": f"/tools/{console.tool}/", "stop": "/halts/", "docs": "/docs/", "doc": "/docs/policy/",
        "preferences": "/preferences/", "error": "/nowhere/", "offline": "/offline/",
    }
    return {
        **{name: lambda page, place=place: page.goto(place) for name, place in places.items()},
        "queue": open_queue,
        "card": lambda page: open_card(page, console.waiting),
        "edit": lambda page: edit_card(page, console.waiting),
        "connect": lambda page: (be(console, page, "olga"), page.goto("/connect/")),
        "connected": connect,
        "playground": lambda page: page.goto("/playground/"),
        "playing": begin_to_play,
        "log-in": lambda page: (page.context.clear_cookies(), page.goto("/login/")),
    }


def be(console: Console, page: Page, username: str) -> None:
    page.context.clear_cookies()
    log_in(console, page.context, username)


def open_queue(page: Page) -> None:
    """With a case beside the list where there is room, and one selected."""
    page.goto("/queue/")
    expect(page.locator("html[data-live=on]")).to_be_attached()
    page.keyboard.press("j")
    page.keyboard.press("x")
    if page.viewport_size["width"] > 1200:
        expect(page.get_by_role("region", name="Preview").get_by_role("heading", level=2).first).to_be_visible()


def open_card(page: Page, reference: str) -> None:
    """With the words of a rejection."""
    page.goto(f"/requests/{reference}/")
    page.locator("[data-panel=reject] > summary").click()


def edit_card(page: Page, reference: str) -> None:
    page.goto(f"/requests/{reference}/")
    page.locator("[data-edit]").click()
    page.locator("[name='a/days']").fill("7")
    page.get_by_role("button", name="Show what differs").click()
    expect(page.locator("ins").first).to_be_visible()


def connect(page: Page) -> None:
    page.goto("/connect/")
    page.get_by_label("Agent", exact=True).select_option(index=1)
    page.get_by_role("button", name="Issue a token").click()
    expect(page.locator("#token")).to_be_visible()


def begin_to_play(page: Page) -> None:
    page.goto("/playground/")
    if page.get_by_role("button", name="Begin").count():
        page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Extend a payment").click()


def violations(page: Page, given: dict[str, Any]) -> list[str]:
    return page.evaluate(RUN, given)


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
def test_no_page_breaks_a_rule_of_wcag(browser: Browser, lively: Lively, device: dict[str, Any]) -> None:
    context = browser.new_context(base_url=lively.url, bypass_csp=True, reduced_motion="reduce", **device)
    context.set_default_timeout(15_000)
    page, found = context.new_page(), []
    be(lively, page, "sarah")
    for name, go in pages_of(lively).items():
        page.emulate_media(color_scheme="light")
        go(page)
        page.evaluate(AXE_SCRIPT)
        found += [f"{name}, light: {line}" for line in violations(page, ALL)]
        page.emulate_media(color_scheme="dark")
        found += [f"{name}, dark: {line}" for line in violations(page, CONTRAST)]
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"/favicon.ico\"><input>')")
    assert len(violations(page, ALL)) == 2, "the rules find what is planted"
    context.close()
    assert not found, "\n" + "\n".join(found)
