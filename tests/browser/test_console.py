"""The console in real browsers: live without reload, on a phone, in other time zones, without JavaScript."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Console, listening

VISIBLE = "[data-fresh]:not([hidden])"
ROWS = "[data-list] > [data-reference]"

Visit = Callable[..., Page]


@pytest.fixture
def sarah(console: Console) -> str:
    console.make("make_reviewer('sarah', first_name='Sarah', last_name='Lind')")
    return "sarah"


def test_a_new_request_is_offered_at_the_edge_and_moves_nothing(console: Console, sarah: str, visit: Visit) -> None:
    console.make("make_request(risk=75)")
    page = visit(sarah)
    listening(page)
    before = page.locator(ROWS).first.bounding_box()
    console.make("make_request(risk=99)")
    expect(page.locator(VISIBLE)).to_have_text("1 new")
    expect(page.locator(ROWS)).to_have_count(1)
    assert page.locator(ROWS).first.bounding_box() == before
    page.locator(VISIBLE).click()
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator(ROWS).first).to_contain_text("99")
    expect(page.locator("[data-fresh]")).to_be_hidden()


def test_an_empty_queue_fills_by_itself(console: Console, sarah: str, visit: Visit) -> None:
    page = visit(sarah)
    expect(page.get_by_role("heading", name="Nothing waits.")).to_be_visible()
    listening(page)
    console.make("make_request()")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator("[data-count]")).to_have_text("1")


def test_a_row_decided_elsewhere_is_marked_in_its_place(console: Console, sarah: str, visit: Visit) -> None:
    for risk in (90, 80, 70):
        console.make(f"make_request(risk={risk})")
    page = visit(sarah)
    listening(page)
    console.make(
        "actions.decide(GovernanceRequest.objects.get(risk_score=80), reviewer=make_reviewer('mona'), "
        "verdict=Verdict.REJECTED, reason='No letter.', source='console')"
    )
    row = page.locator(ROWS).nth(1)
    expect(row).to_have_class(re.compile("row-gone"))
    expect(row).to_contain_text("Rejected by mona")
    expect(page.locator(ROWS)).to_have_count(3)


def test_another_teams_request_changes_nothing_here(console: Console, sarah: str, visit: Visit) -> None:
    page = visit(sarah)
    listening(page)
    console.make("make_request(team=make_team('Other'))")
    console.make("make_request()")
    expect(page.locator(ROWS)).to_have_count(1)


def test_everything_works_without_javascript(console: Console, sarah: str, visit: Visit) -> None:
    console.make("make_request(risk=75)")
    reference = console.make("make_request(risk=95)")
    page = visit(sarah, java_script_enabled=False)
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_role("link", name="Deadline").click()
    expect(page).to_have_url(re.compile("sort=deadline"))
    page.goto(f"/requests/{reference}/")
    page.locator("[data-panel=reject] > summary").click()
    page.get_by_role("button", name="Reject and tell the agent").click()
    expect(page.get_by_text("Say why you reject it")).to_be_visible()
    page.locator("#reason").fill("No letter.")
    page.get_by_role("button", name="Reject and tell the agent").click()
    expect(page.get_by_text("Rejected. Nothing runs")).to_be_visible()
    page.get_by_role("link", name="History").first.click()
    page.get_by_label("Search").fill(reference)
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(reference))
    page.get_by_role("button", name="Sarah Lind").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login/"))


@pytest.mark.parametrize("device", [PHONE, {"viewport": {"width": 1280, "height": 800}}], ids=["phone", "desktop"])
def test_no_page_scrolls_sideways(console: Console, sarah: str, visit: Visit, device: dict) -> None:
    long = "x" * 600
    console.make("make_request(status=Status.DENIED, reason='" + long + "')")
    reference = console.make(
        f"make_request(agent=make_agent('{'agent-' * 15}'), tool=make_tool('{'tool_' * 20}'), stated_reason='{long}', "
        f"arguments={{'{'name' * 30}': '{long}', 'nested': {{'a': ['{long}']}}}}, context={{'c': '{long}'}})"
    )
    page = visit(sarah, **device)
    for path in ("/queue/", f"/requests/{reference}/", "/history/", f"/history/?q={long[:190]}", "/nowhere/"):
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_on_a_phone_the_decision_stays_in_reach_and_fingers_hit_it(console: Console, sarah: str, visit: Visit) -> None:
    reference = console.make("make_request(stated_reason='Because. ' * 300)")
    page = visit(sarah, **PHONE)
    page.goto(f"/requests/{reference}/")
    for target in ("[data-approve]", "[data-edit]", "[data-panel=ask] > summary", "[data-panel=reject] > summary"):
        box = page.locator(target).bounding_box()
        assert box["height"] >= 44
        assert box["y"] + box["height"] <= 844
    page.get_by_role("button", name="More", exact=True).click()
    for target in page.locator("header").locator("a, button").filter(visible=True).all():
        assert target.bounding_box()["height"] >= 44


def test_times_are_shown_in_the_viewers_zone(console: Console, sarah: str, visit: Visit) -> None:
    reference = console.make("make_request()")
    page = visit(sarah, timezone_id="Asia/Tokyo", locale="en-GB")
    page.goto(f"/requests/{reference}/")
    moment = page.locator(".meta time")
    utc = moment.get_attribute("datetime")
    hour = (int(utc[11:13]) + 9) % 24
    expect(moment).to_have_text(re.compile(f"{hour:02d}:{utc[14:16]}:"))
    expect(moment).to_have_attribute("title", re.compile("GMT\\+9|JST"))


def test_a_lost_line_is_told_and_what_was_missed_is_caught_up(console: Console, sarah: str, visit: Visit) -> None:
    console.make("make_request()")
    page = visit(sarah)
    listening(page)
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    console.make("make_request()")
    page.context.set_offline(False)
    expect(page.locator("[data-offline]")).to_be_hidden()
    expect(page.locator(VISIBLE)).to_have_text("1 new")
