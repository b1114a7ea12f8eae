"""The frame in a real browser: phone and desk, keys, themes, what happens without network."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Console, listening

Visit = Callable[..., Page]


@pytest.fixture
def sarah(console: Console) -> str:
    console.make("make_reviewer('sarah', first_name='Sarah', last_name='Lind')")
    return "sarah"


def test_on_a_phone_the_rest_is_one_tab_away(console: Console, sarah: str, visit: Visit) -> None:
    page = visit(sarah, **PHONE)
    stop = page.get_by_role("link", name="Stop")
    expect(stop).to_be_hidden()
    page.get_by_role("button", name="More").click()
    stop.click()
    expect(page.get_by_role("heading", name="Stop")).to_be_visible()


def test_a_theme_from_the_menu_stays(console: Console, sarah: str, visit: Visit) -> None:
    page = visit(sarah, color_scheme="light")
    page.get_by_role("button", name="Sarah Lind").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/history/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 19, 18)"


def test_two_keys_lead_to_a_page_unless_they_are_switched_off(console: Console, sarah: str, visit: Visit) -> None:
    page = visit(sarah)
    page.keyboard.type("gh")
    page.wait_for_url("**/history/")
    page.goto("/preferences/")
    page.get_by_label("Single-letter keys").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your preferences are saved.")).to_be_visible()
    page.keyboard.type("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_the_tab_counts_on_by_itself(console: Console, sarah: str, visit: Visit) -> None:
    page = visit(sarah)
    page.goto("/preferences/")
    listening(page)
    console.make("make_request()")
    expect(page).to_have_title("(1) Preferences · ATLAS")
    expect(page.locator("[data-count]")).to_have_text("1")


def test_what_is_sent_without_network_is_kept_and_sent_by_the_next_press(
    console: Console, sarah: str, visit: Visit
) -> None:
    console.make("make_agent('pay-desk')")
    page = visit(sarah)
    page.goto("/halts/")
    listening(page)
    page.locator("summary", has_text="agent pay-desk").click()
    page.get_by_label("Reason").locator("visible=true").fill("It repeats itself.")
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_contain_text("since")
    page.get_by_role("button", name="Halt now").click()
    expect(page.locator(".held")).to_contain_text("Not sent")
    page.context.set_offline(False)
    expect(page.locator(".held.is-back")).to_be_visible()
    page.get_by_role("button", name="Halt now").click()
    expect(page.get_by_text("pay-desk is halted.")).to_be_visible()


def test_a_page_from_right_to_left_fits(console: Console, sarah: str, visit: Visit) -> None:
    console.make("make_agent('agent' * 20)")
    for device in (PHONE, {"viewport": {"width": 900, "height": 700}}):
        page = visit(sarah, **device)
        for path in ("/halts/", "/preferences/", "/login/"):
            page.goto(path)
            page.evaluate("document.documentElement.dir = 'rtl'")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


AWAY = """() => {
  window.told = [];
  window.Notification = class extends EventTarget {
    static permission = "granted";
    constructor(title, options) { super(); told.push(options.body); }
  };
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
}"""


def test_who_looked_away_is_notified_of_what_is_new_alone(console: Console, sarah: str, visit: Visit) -> None:
    before = console.make("make_request().reference")
    page = visit(sarah, permissions=["notifications"])
    page.goto("/preferences/")
    page.get_by_label("a notification").check()
    page.goto("/queue/")
    listening(page)
    page.evaluate(AWAY)
    console.make(
        f"actions.claim(GovernanceRequest.objects.get(reference='{before}'), reviewer=make_reviewer('mona'))"
    )
    new = console.make("make_request(risk=99).reference")
    page.wait_for_function("told.length > 0")
    assert page.evaluate("told") == [new]
