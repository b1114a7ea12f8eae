"""One gateway process, its database fresh for each test, and real browsers.

Without Chromium these tests fail; ATLAS_SKIP_BROWSER_TESTS=1 skips them.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.gateway import ROOT, clean_env, run_python

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
DESK = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            if os.environ.get("ATLAS_SKIP_BROWSER_TESTS") == "1":
                item.add_marker(pytest.mark.skip(reason="ATLAS_SKIP_BROWSER_TESTS=1"))


class Console:
    """The gateway's process: its address, and rows made inside it."""

    def __init__(self, folder: Path, empty: Path, *, workers: bool = False, static: Path | None = None) -> None:
        """`static`: where the static files were collected, to be served as in production."""
        self.database, self.empty = folder / empty.name, empty
        env = clean_env(ATLAS_DATA_DIR=str(folder), ATLAS_RUN_WORKERS=str(int(workers)))
        if static:
            env["ATLAS_STATIC_ROOT"] = str(static)
        with (folder / "server.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.browser.server"], cwd=ROOT, env=env, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )
        line = self.process.stdout.readline()
        assert line, (folder / "server.log").read_text()
        self.url = f"http://127.0.0.1:{json.loads(line)['port']}"

    def make(self, expression: str) -> str:
        """The value, as text, of an expression that the gateway's process evaluates."""
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def empty_database(self) -> None:
        """The rows of a new installation again: SQLite copies the whole file, waiting for whoever still writes."""
        end = time.monotonic() + 30

        def bounded(*_: int) -> None:
            assert time.monotonic() < end, "the gateway's process holds its database"

        with closing(sqlite3.connect(self.empty)) as source, closing(sqlite3.connect(self.database)) as target:
            source.backup(target, progress=bounded)

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()


def migrate(folder: Path) -> Path:
    """A new database in that folder, migrated."""
    folder.mkdir(exist_ok=True)
    run_python(
        "import django; django.setup(); from django.core.management import call_command as call; "
        "call('migrate', verbosity=0)", clean_env(ATLAS_DATA_DIR=str(folder)),
    )
    return folder / "atlas.sqlite3"


def log_in(console: Console, context: BrowserContext, username: str) -> None:
    """By a session's cookie; the form is for the test of the form."""
    context.add_cookies([{"name": "sessionid", "value": console.make(f"session_of('{username}')"), "url": console.url}])


def listening(page: Page) -> None:
    """Waits until the live line is open, so that an announcement cannot come too early."""
    expect(page.locator("html[data-live=on]")).to_be_attached()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database; migrated once."""
    return migrate(tmp_path_factory.mktemp("console"))


@pytest.fixture(scope="module")
def running(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("running")
    shutil.copytree(migrated.parent, folder, dirs_exist_ok=True)
    running = Console(folder, migrated)
    yield running
    running.close()


@pytest.fixture
def console(running: Console) -> Console:
    running.empty_database()
    return running


@pytest.fixture(scope="module")  # not longer: Playwright keeps an event loop running, in which no async test can run
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(
            f"There is no Chromium at {CHROMIUM}. Install it (apt install chromium), name it in CHROMIUM, "
            "or leave these tests out with ATLAS_SKIP_BROWSER_TESTS=1."
        )
    expect.set_options(timeout=15_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, console: Console) -> Iterator[Callable[..., Page]]:
    """`visit("sarah")`: the queue, or `at`, in a browser profile of its own. Fails on any error that a page logs."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(username: str = "", at: str = "/queue/", **options: object) -> Page:
        context = browser.new_context(base_url=console.url, **options)
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
        if username:
            log_in(console, context, username)
            page.goto(at)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
