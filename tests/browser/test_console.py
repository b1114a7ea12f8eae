"""The console in real browsers: live without reload, two people on one request, phone, keyboard, without JavaScript."""

import gzip
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
VISIBLE = "[data-fresh]:not([hidden])"
ROWS = "[data-list] > [data-reference]"

Visit = Callable[..., Page]


@pytest.fixture
def sarah(console: Console) -> str:
    console.make("make_reviewer('sarah', first_name='Sarah', last_name='Lind')")
    return "sarah"


def listening(page: Page) -> None:
    """Waits until the live line is open, so that an announcement cannot come too early."""
    expect(page.locator("html[data-live=on]")).to_be_attached(timeout=15_000)


def test_a_reviewer_logs_in_and_decides_with_a_reason(console: Console, sarah: str, visit: Visit) -> None:
    reference = console.make(
        "make_request(agent=make_agent('demo-agent'), arguments={'beneficiary_id': 'BEN-123', 'days': 14})"
    )
    page = visit(sarah)
    sentence = "demo-agent wants to extend the payments of Ada Obi (BEN-123) by 14 days"
    page.get_by_role("link", name=sentence).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(sentence)
    page.get_by_title("Add a note to the approval").click()
    page.locator("#note").fill("I called her.")
    page.get_by_role("button", name="Approve and extend payment").click()
    expect(page.locator(".undo")).to_contain_text("Approved. request_payment_extension runs once")
    expect(page.locator(".outcome q")).to_have_text("I called her.")
    assert console.make(f"GovernanceRequest.objects.get(reference='{reference}').status") == "approved"


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


def test_the_open_page_of_a_second_reviewer_follows_and_keeps_what_was_typed(
    console: Console, sarah: str, visit: Visit
) -> None:
    reference = console.make("make_request()")
    console.make("make_reviewer('mona')")
    first, second = visit(sarah), visit("mona")
    for page in (first, second):
        page.goto(f"/requests/{reference}/")
    listening(second)
    second.locator("[data-panel=reject] > summary").click()
    second.locator("#reason").fill("Half a thought")
    first.get_by_role("button", name="Approve").click()
    expect(second.locator(".outcome h2")).to_contain_text("Approved; it runs")
    expect(second.get_by_text("Sarah Lind", exact=True).first).to_be_visible()
    expect(second.get_by_text("Half a thought")).to_be_visible()
    expect(second.get_by_role("button", name="Approve")).to_have_count(0)


def test_the_second_browser_is_told_who_decided(console: Console, sarah: str, visit: Visit) -> None:
    reference = console.make("make_request()")
    console.make("make_reviewer('mona')")
    first, second = visit(sarah), visit("mona", java_script_enabled=False)
    for page in (first, second):
        page.goto(f"/requests/{reference}/")
    first.get_by_role("button", name="Approve").click()
    expect(first.locator(".outcome h2")).to_contain_text("Approved; it runs")
    second.locator("[data-panel=reject] > summary").click()
    second.locator("#reason").fill("Too late")
    second.get_by_role("button", name="Reject and tell the agent").click()
    expect(second.get_by_role("alert")).to_contain_text("is already decided: approved by Sarah Lind at ")


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [PHONE, {"viewport": {"width": 1280, "height": 800}}], ids=["phone", "desktop"])
def test_no_page_scrolls_sideways(console: Console, sarah: str, visit: Visit, scheme: str, device: dict) -> None:
    long = "x" * 600
    console.make("make_request(status=Status.DENIED, reason='" + long + "')")
    reference = console.make(
        f"make_request(agent=make_agent('{'agent-' * 15}'), tool=make_tool('{'tool_' * 20}'), stated_reason='{long}', "
        f"arguments={{'{'name' * 30}': '{long}', 'nested': {{'a': ['{long}']}}}}, context={{'c': '{long}'}})"
    )
    page = visit(sarah, color_scheme=scheme, **device)
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


def test_keys_walk_the_list_and_open_but_never_decide(console: Console, sarah: str, visit: Visit) -> None:
    for risk in (90, 80, 70):
        console.make(f"make_request(risk={risk})")
    page = visit(sarah)
    page.keyboard.press("j")
    page.keyboard.press("j")
    focused = page.locator(ROWS).nth(1).get_attribute("data-reference")
    assert page.evaluate("document.activeElement.closest('[data-reference]').dataset.reference") == focused
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(focused))
    for key in ("Enter", "a", "r", "y"):
        page.keyboard.press(key)
    page.locator("#reason").press("Enter")
    expect(page).to_have_url(re.compile(focused))
    assert console.make("GovernanceRequest.objects.filter(status='in_review').count()") == "3"


def test_the_question_mark_lists_the_keys(sarah: str, visit: Visit) -> None:
    page = visit(sarah)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


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


def test_the_first_page_weighs_less_than_100_kilobytes(console: Console, sarah: str, visit: Visit) -> None:
    """Page and files as they travel: compressed, but for the font, which is so already. What follows it is no part."""
    for risk in range(70, 100):
        console.make(f"make_request(risk={risk})")
    page = visit(sarah)
    page.goto("/queue/", wait_until="networkidle")
    names = page.evaluate("performance.getEntries().filter((e) => e.decodedBodySize && !e.name.includes('/rows/')).map((e) => e.name)")
    bodies = {name: page.request.get(name).body() for name in set(names)}
    sizes = {name: min(len(body), len(gzip.compress(body))) for name, body in bodies.items()}
    assert any("inter" in name for name in sizes)
    assert sum(sizes.values()) < 100_000, "\n".join(f"{size} {name}" for name, size in sizes.items())
