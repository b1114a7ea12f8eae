"""The queue in real browsers: the preview, claims as they come, selecting, filters, without JavaScript."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, Console

ROWS = "[data-list] > [data-reference]"
ALIKE = "__import__('tests.reviews.alike', fromlist=['make_alike']).make_alike"

Visit = Callable[..., Page]


@pytest.fixture
def sarah(console: Console) -> str:
    console.make("make_reviewer('sarah', first_name='Sarah', last_name='Lind')")
    return "sarah"


def test_j_and_k_read_cases_beside_the_list(console: Console, sarah: str, visit: Visit) -> None:
    for risk in (90, 80):
        console.make(f"make_request(risk={risk}, stated_reason='Reason {risk}.')")
    page = visit(sarah, **DESK)
    pane, before = page.get_by_role("region", name="Preview"), page.locator(ROWS).nth(1).bounding_box()["y"]
    page.keyboard.press("j")
    expect(pane).to_contain_text("Reason 90.")
    page.keyboard.press("j")
    expect(pane).to_contain_text("Reason 80.")
    assert abs(page.locator(ROWS).nth(1).bounding_box()["y"] - before) <= 1, "no row changes its place"
    expect(page).to_have_url(re.compile("/queue/$"))
    page.keyboard.press("Escape")
    expect(pane).to_be_hidden()
    expect(page.locator(ROWS).nth(1).locator(".row-link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/requests/evt_"))


def test_a_case_approved_in_the_preview_is_marked_in_the_list(console: Console, sarah: str, visit: Visit) -> None:
    console.make("make_request()")
    page = visit(sarah, **DESK)
    page.keyboard.press("j")
    pane = page.get_by_role("region", name="Preview")
    pane.get_by_role("button", name=re.compile("^Approve")).first.click()
    expect(page.locator(ROWS)).to_contain_text("Approved")
    assert console.make("GovernanceRequest.objects.get().status") == "approved"


def test_a_colleagues_claim_appears_in_the_row_and_moves_nothing(console: Console, sarah: str, visit: Visit) -> None:
    console.make("make_request()")
    page = visit(sarah, **DESK)
    expect(page.locator("html[data-live=on]")).to_be_attached()
    page.locator(".row-link").focus()
    console.make("actions.claim(GovernanceRequest.objects.get(), reviewer=make_reviewer('mona', first_name='Mona'))")
    expect(page.locator(ROWS)).to_contain_text("Mona")
    expect(page.locator(".row-link")).to_be_focused()
    expect(page.locator("[data-fresh]")).to_be_hidden()


def test_x_selects_and_what_is_identical_is_decided_together(console: Console, sarah: str, visit: Visit) -> None:
    console.make(f"{ALIKE}(2)")
    console.make("make_request(risk=90)")
    page = visit(sarah, **DESK)
    together = page.get_by_role("region", name="Selected requests")
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(together).to_contain_text("These cannot be decided together.")
    page.locator(ROWS).nth(0).get_by_role("checkbox").click()
    page.locator(ROWS).nth(2).get_by_role("checkbox").click()
    expect(together).to_contain_text("2 identical calls")
    together.get_by_role("button", name="Approve and run note_it for each").click()
    expect(page.get_by_role("heading", name="2 calls decided")).to_be_visible()


def test_without_javascript_filters_views_and_selection_are_links_and_forms(
    console: Console, sarah: str, visit: Visit
) -> None:
    console.make(f"{ALIKE}(2)")
    page = visit(sarah, java_script_enabled=False, **PHONE)
    page.get_by_role("button", name="Risk").click()
    page.get_by_role("link", name="Low 2").click()
    page.get_by_role("button", name="Save as a view").click()
    page.get_by_label("Name").fill("Quick")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="Quick 2")).to_have_attribute("aria-current", "page")
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Look at them together").click()
    expect(page.get_by_text("Reason 1.")).to_be_visible()
