"""The playground and the light of a new token, in a real browser against a gateway that scores and executes."""

import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def running(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """With workers: they hold the database, so it is filled once for all tests here."""
    folder = tmp_path_factory.mktemp("playing")
    shutil.copytree(migrated.parent, folder, dirs_exist_ok=True)
    running = Console(folder, migrated, workers=True)
    running.make("make_reviewer('olga', role='operator')")
    running.make("make_reviewer('mona')")
    running.make("actions.create_agent('pay-desk')")
    yield running
    running.close()


@pytest.fixture
def console(running: Console) -> Console:
    return running


def test_a_call_is_watched_from_the_first_byte_to_the_result_that_another_person_allowed(
    console: Console, visit: Visit
) -> None:
    page = visit("olga")
    page.goto("/playground/")
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Look a payment up").click()
    page.get_by_role("button", name="Call the tool").click()
    expect(page.get_by_text("Went through without a person")).to_be_visible()
    expect(page.locator(".path-result")).to_contain_text("Ada Obi")

    page.get_by_role("button", name="Extend a payment").click()
    page.get_by_role("button", name="Call the tool").click()
    expect(page.get_by_text("Waits for a person")).to_be_visible()
    expect(page.locator("[data-path]")).to_contain_text("mona")
    reference = page.locator("[data-steps]").get_attribute("data-steps")
    console.make(
        f"actions.decide(GovernanceRequest.objects.get(reference='{reference}'), verdict=Verdict.APPROVED, "
        "reviewer=User.objects.get(username='mona'), source='api')"
    )
    expect(page.locator(".path-label").filter(has_text="Approved")).to_be_visible()
    expect(page.locator(".path-result")).to_contain_text("Ingrid Haapala", timeout=30_000)
    expect(page.locator(".exchange").first).to_contain_text('"status": "completed"')

    page.get_by_role("link", name="Docs").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Documentation")
    assert console.make(
        "__import__('tests.waiting').waiting.wait_for(lambda: AgentToken.objects.filter("
        "agent__name='playground of olga', revoked_at__isnull=False).exists(), 'the token to end')"
    ) == "True"


def test_the_light_turns_on_with_the_first_message_and_keys_choose_the_client(console: Console, visit: Visit) -> None:
    page = visit("olga")
    page.goto("/connect/")
    page.get_by_label("Agent", exact=True).select_option(label="pay-desk")
    page.get_by_role("button", name="Issue a token").click()
    page.get_by_label("Claude Code").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Claude Desktop")).to_be_checked()
    expect(page.locator("#code-claude-desktop-1")).to_be_visible()
    expect(page.get_by_text("Waiting to hear from it.")).to_be_visible()
    say_hello(console.url, page.locator("#token").inner_text())
    expect(page.get_by_text("We heard from it.")).to_be_visible()


def say_hello(url: str, token: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "hello", "version": "1"},
    }}
    urllib.request.urlopen(urllib.request.Request(f"{url}/mcp", json.dumps(body).encode(), {
        "Authorization": f"Bearer {token}", "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }), timeout=20).close()
