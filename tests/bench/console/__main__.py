"""python -m tests.bench.console: the console's pages on a million requests, beside their bars and an empty page.

Whole pages come from a gateway in its own process, over a kept connection, as a browser that is logged in gets them;
statements are run in this process. Rounds take turns: every page, then the empty one.
"""

import argparse
import http.client
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlencode

import django

from tests.bench.console import place

if __name__ == "__main__":  # the models below need the settings
    place.choose()
    django.setup()

from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse

from governance.models import GovernanceRequest, User
from tests.bench.console.addresses import EMPTY
from tests.bench.console.pages import Page, pages_of
from tests.bench.console.queries import Statement, run_again, statements_of
from tests.bench.console.world import PASSWORD
from tests.bench.figures import show
from tests.gateway import Gateway

PAGE_BAR, QUERY_BAR = 0.060, 0.010  # seconds at p50
ROUNDS, WARM_UP = 30, 3


@dataclass
class Measured:
    page: Page
    seconds: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    bytes: int = 0
    statements: list[Statement] = field(default_factory=list)

    @property
    def worst(self) -> Statement | None:
        return max(self.statements, key=lambda statement: median(statement.seconds), default=None)

    @property
    def is_slow(self) -> bool:
        """Some statement of it is."""
        return self.worst is not None and median(self.worst.seconds) > QUERY_BAR

    @property
    def is_missed(self) -> bool:
        return self.is_slow or median(self.seconds) > PAGE_BAR


class Browser:
    """One kept connection with a session."""

    def __init__(self, gateway: Gateway, username: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
        self._cookies: SimpleCookie = SimpleCookie()
        _, body = self.get(reverse("login"))
        token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', body)[1].decode()
        form = urlencode({"username": username, "password": PASSWORD, "csrfmiddlewaretoken": token})
        status, _ = self._send("POST", reverse("login"), form, {"Content-Type": "application/x-www-form-urlencoded"})
        assert status == 302, f"{username} cannot log in"

    def get(self, url: str) -> tuple[float, bytes]:
        begun = time.perf_counter()
        status, body = self._send("GET", url)
        took = time.perf_counter() - begun
        assert status in (200, 302), f"{url} answers {status}"
        return took, body

    def _send(self, method: str, url: str, body: str = "", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in self._cookies.items())
        self._connection.request(method, url, body or None, {"Cookie": cookies, **(headers or {})})
        answer = self._connection.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            self._cookies.load(cookie)
        return answer.status, answer.read()


def main() -> int:
    options = _options()
    requests, at = _seeded()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    user = User.objects.get(username=options.user)
    measured = [Measured(page) for page in pages_of(user) if options.only in page.name]
    print(
        f"{requests:,} requests ({GovernanceRequest.objects.filter(status='in_review').count():,} in review) counted "
        f"back from {at}; {connection.vendor}, {options.server}, as {user.username}; load {_load()}.\n", flush=True,
    )  # fmt: skip
    rounds = 7 if options.quick else ROUNDS
    with tempfile.TemporaryDirectory(prefix="atlas-bench-") as folder:
        _measure_pages(measured, Path(folder), options, rounds)
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    for one in measured:
        one.statements = statements_of(client, one.page.url)
        run_again(one.statements, rounds // 2 + 1)
    print(_table(measured), f"\nload at the end {_load()}", sep="\n")
    return int(options.check and any(one.is_missed for one in measured))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.console", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"seven rounds instead of {ROUNDS}")
    parser.add_argument("--server", choices=("uvicorn", "daphne"), default="uvicorn")
    parser.add_argument("--user", default="sarah", help="root sees every team")
    parser.add_argument("--only", default="", metavar="WORDS", help="pages with these words in their names")
    parser.add_argument("--check", action="store_true", help="exit 1 when a bar is missed")
    return parser.parse_args()


def _seeded() -> tuple[int, str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT requests, at FROM bench_seed")
            return cursor.fetchone()
    except DatabaseError:
        sys.exit("There is nothing to measure on yet: make seed-million, with the same DATABASE_URL.")


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _measure_pages(measured: list[Measured], folder: Path, options: argparse.Namespace, rounds: int) -> None:
    application = "tests.bench.console.app:application"
    gateway = Gateway(folder, options.server, dict(os.environ), {}, application=application)
    try:
        gateway.start()
        browser = Browser(gateway, options.user)
        for number in range(WARM_UP + rounds):
            for one in measured:
                took, body = browser.get(one.page.url)
                empty, _ = browser.get(f"/{EMPTY}")
                if number >= WARM_UP:
                    one.seconds.append(took)
                    one.empty.append(empty)
                    one.bytes = len(body)
    finally:
        gateway.close()


def _table(measured: list[Measured]) -> str:
    head = ("", "page/60 ms", "p95", "x empty page", "queries", "slowest/10 ms", "p95", "")
    lines = [head, *(_line(one) for one in measured)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rows = [
        "  ".join([name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))])
        for name, *cells in lines
    ]
    slow = [f"  {one.page.name}: {one.worst.short[:600]}" for one in measured if one.is_slow]
    return "\n".join([*rows, *(["", "Statements above their bar:", *slow] if slow else [])])


def _line(one: Measured) -> tuple[str, ...]:
    page, worst = one.seconds, one.worst.seconds if one.worst else [0.0, 0.0]
    return (
        one.page.name, show(median(page) / PAGE_BAR), show(_p95(page) / PAGE_BAR),
        show(median(page) / median(one.empty)), str(len(one.statements)), show(median(worst) / QUERY_BAR),
        show(_p95(worst) / QUERY_BAR), "MISSED" if one.is_missed else "met",
    )  # fmt: skip


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


if __name__ == "__main__":
    sys.exit(main())
