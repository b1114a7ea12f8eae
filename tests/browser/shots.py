"""The pictures of docs/screenshots, of a lively day: `make screenshots` (ARGS="queue card" for some of them).

Needs Chromium; makes its own database and gateway, and leaves nothing behind.
"""

import shutil
import struct
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, DESK, FLAGS, PHONE, Console, log_in, migrate
from tests.gateway import ROOT

FOLDER = ROOT / "docs" / "screenshots"
LOOKS = {
    "light": ("light", DESK), "dark": ("dark", DESK), "light-phone": ("light", PHONE), "dark-phone": ("dark", PHONE),
}
SARAHS = ("overview", "queue", "card", "history", "agent", "tool", "trace")
LIVE = "__import__('tests.browser.day', fromlist=['live_a_day']).live_a_day()"


@contextmanager
def lively_console() -> Iterator[tuple[Console, str]]:
    """A gateway with workers, and the reference of the request to show."""
    with tempfile.TemporaryDirectory() as folder:
        empty = migrate(Path(folder) / "empty")
        running = Path(folder) / "running"
        shutil.copytree(empty.parent, running)
        first = Console(running, empty)
        try:
            reference = first.make(LIVE + ".reference")
        finally:
            first.close()
        console = Console(running, empty, workers=True)
        try:
            yield console, reference
        finally:
            console.close()


def addresses(console: Console, reference: str) -> dict[str, str]:
    agent = console.make("Agent.objects.get(name='Pay-desk agent').pk")
    tool = console.make("Tool.objects.get(name='request_payment_extension').pk")
    ended = console.make(
        "GovernanceRequest.objects.filter(status='succeeded', decisions__reviewer__isnull=False)"
        ".order_by('-received_at').first().reference"
    )
    return {
        "overview": "/overview/", "queue": "/queue/", "card": f"/requests/{reference}/", "history": "/history/",
        "agent": f"/agents/{agent}/", "tool": f"/tools/{tool}/", "trace": f"/requests/{ended}/trace/",
        "connect": "/connect/", "playground": "/playground/",
    }


def show(page: Page, name: str, address: str) -> None:
    page.goto(address)
    expect(page.locator("html[data-live=on]")).to_be_attached()
    if name == "queue" and page.viewport_size["width"] > 1200:
        page.keyboard.press("j")
    if name == "playground":
        play(page)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    page.mouse.move(0, 0)


def play(page: Page) -> None:
    """One call, as far as the person who has to decide."""
    if page.get_by_role("button", name="Begin").count():
        page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Extend a payment").click()
    page.get_by_role("button", name="Call the tool").click()
    expect(page.locator("[data-path] .path-label", has_text="Waits for a person")).to_be_visible()
    narrow = page.viewport_size["width"] < 720  # there the path is below the form
    if narrow:
        page.locator("[data-path]").evaluate("path => path.scrollIntoView()")
    else:
        page.evaluate("scrollTo(0, 0)")


def shoot(browser: Browser, console: Console, reference: str, wanted: list[str]) -> None:
    for person, names in (("sarah", SARAHS), ("olga", ("connect", "playground"))):  # her call is in no other picture
        for look, (scheme, device) in LOOKS.items():
            context = browser.new_context(base_url=console.url, color_scheme=scheme, reduced_motion="reduce", **device)
            log_in(console, context, person)
            page = context.new_page()
            for name, address in addresses(console, reference).items():
                if name in names and (not wanted or name in wanted):
                    show(page, name, address)
                    keep(page, FOLDER / f"{name}-{look}.png")
            context.close()


def keep(page: Page, path: Path) -> None:
    path.write_bytes(squeeze(page.screenshot(scale="css")))
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1000} kB")


# -- PNG with a palette: half the size, nothing to see ------------------------------------------


def squeeze(png: bytes) -> bytes:
    """The same picture in 256 colours: the commonest, others by the nearest of them. As it is when that is larger."""
    width, height, channels, rows = _pixels(png)
    colours = Counter(bytes(row[at : at + 3]) for row in rows for at in range(0, width * channels, channels))
    palette = _palette(colours)
    place = {colour: number for number, colour in enumerate(palette)}
    for colour in colours:
        if colour not in place:
            place[colour] = min(
                range(len(palette)), key=lambda n: sum((a - b) ** 2 for a, b in zip(colour, palette[n], strict=True))
            )
    body = b"".join(
        b"\0" + bytes(place[bytes(row[at : at + 3])] for at in range(0, width * channels, channels)) for row in rows
    )
    packed = b"\x89PNG\r\n\x1a\n" + b"".join((
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)), _chunk(b"PLTE", b"".join(palette)),
        _chunk(b"IDAT", zlib.compress(body, 9)), _chunk(b"IEND", b""),
    ))
    return min(packed, png, key=len)


def _palette(colours: Counter[bytes]) -> list[bytes]:
    """Up to 256 colours, no two of them nearly the same, the commonest first."""
    chosen: list[bytes] = []
    for least in (12, 4, 0):
        for colour, _number in colours.most_common():
            if len(chosen) == 256:
                return chosen
            if colour not in chosen and all(
                sum(abs(a - b) for a, b in zip(colour, other, strict=True)) > least for other in chosen
            ):
                chosen.append(colour)
    return chosen


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _pixels(png: bytes) -> tuple[int, int, int, list[bytearray]]:
    """Width, height, bytes a pixel and the rows of a picture as Chromium writes it: 8 bits, not interlaced."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8 and kind in (2, 6)
    channels, body, at = (3 if kind == 2 else 4), b"", 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            body += png[at + 8 : at + 8 + size]
        at += size + 12
    data, rows, above = zlib.decompress(body), [], bytearray(width * channels)
    for line in range(height):
        start = line * (width * channels + 1)
        above = _unfiltered(data[start], bytearray(data[start + 1 : start + 1 + width * channels]), above, channels)
        rows.append(above)
    return width, height, channels, rows


def _unfiltered(kind: int, row: bytearray, above: bytearray, channels: int) -> bytearray:
    for at in range(len(row) if kind else 0):
        left, up = (row[at - channels] if at >= channels else 0), above[at]
        corner = above[at - channels] if at >= channels else 0
        guess = left + up - corner
        paeth = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
        row[at] = (row[at] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
    return row


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with lively_console() as (console, reference), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        shoot(browser, console, reference, sys.argv[1:])
        browser.close()


if __name__ == "__main__":
    main()
