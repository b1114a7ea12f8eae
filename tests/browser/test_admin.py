"""The admin's own pages in a real browser: accepting a definition and editing rules, at a desk and on a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESK = {"viewport": {"width": 1280, "height": 800}}
DEVICES = pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
OFFERS = "__import__('tests.definitions', fromlist=['changed_tool'])"
RULES = "version: 1\nrules:\n  - name: all-of-it\n    effect: review\n"

Visit = Callable[..., Page]


@pytest.fixture
def olli(console: Console) -> str:
    console.make("make_reviewer('olli', role=Role.OPERATOR, is_staff=True)")
    return "olli"


@pytest.fixture
def waiting(console: Console, olli: str) -> str:
    """The address of a changed definition with marks."""
    console.make(f"{OFFERS}.changed_tool({OFFERS}.make_server())")
    key = console.make("ToolVersion.objects.order_by('-id').values_list('pk', flat=True)[0]")
    return f"/admin/governance/toolversion/{key}/change/"


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@DEVICES
def test_a_marked_definition_is_read_and_accepted_with_a_reason(
    console: Console, waiting: str, visit: Visit, device: dict
) -> None:
    page = visit("olli", **device)
    page.goto("/admin/")
    page.get_by_role("link", name="1 definition of tools").click()
    page.locator(f"a[href^='{waiting}']").click()
    expect(page.get_by_role("heading", name="Definition of github__create_issue", exact=True)).to_be_visible()
    expect(page.locator(".gv-hidden").first).to_have_attribute("title", "U+200B ZERO WIDTH SPACE")
    assert fits(page)
    for name in ("Accept this definition", "Reject and keep it from agents"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box["y"] + box["height"] <= device["viewport"]["height"], "the decision stays in reach"
        assert box["height"] >= (44 if device is PHONE else 32)
    page.get_by_role("button", name="Accept this definition").click()
    expect(page.get_by_role("alert")).to_have_text("Say why, for whoever asks later.")
    page.get_by_label("Reason").fill("Asked the vendor.")
    page.get_by_role("button", name="Accept this definition").click()
    expect(page.get_by_text("The definition of github__create_issue is accepted.")).to_be_visible()
    assert console.make("Tool.objects.get().is_quarantined") == "False"


@DEVICES
def test_rules_are_checked_tried_saved_and_activated(
    console: Console, olli: str, visit: Visit, device: dict
) -> None:
    console.make("make_agent('pay-desk') and make_tool('pay_out')")
    page = visit(olli, **device)
    page.goto("/admin/governance/policyversion/new/")
    rules = page.get_by_label("Rules")
    rules.fill(RULES.replace("review", "reveiw"))
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator(".gv-gutter .gv-bad")).to_have_text("4")
    page.get_by_role("button", name="line 4").click()
    assert rules.evaluate("box => box.value.slice(box.selectionStart, box.selectionEnd)") == "    effect: reveiw"
    page.keyboard.type("    effect: review")
    page.get_by_label("Agent", exact=True).select_option(label="pay-desk")
    page.get_by_label("Tool", exact=True).select_option(label="pay_out")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("status")).to_contain_text("Rule all-of-it. A person decides.")
    assert fits(page)
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("Version 1 is kept.")).to_be_visible()
    page.get_by_role("link", name="Activate …").click()
    page.get_by_role("button", name="Activate version 1").click()
    expect(page.get_by_text("Version 1 decides about every further call")).to_be_visible()
    assert console.make("PolicyVersion.objects.get(active=True).text").strip() == RULES.strip()


def test_tab_indents_in_the_editor_and_escape_lets_it_leave(console: Console, olli: str, visit: Visit) -> None:
    page = visit(olli, **DESK)
    page.goto("/admin/governance/policyversion/new/")
    rules = page.get_by_label("Rules")
    rules.fill("")
    page.keyboard.press("Tab")
    expect(rules).to_have_value("  ")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(rules).not_to_be_focused()


def test_the_form_of_a_server_shows_what_fits_its_kind(console: Console, visit: Visit) -> None:
    console.make("make_reviewer('boss', is_staff=True, is_superuser=True)")
    page = visit("boss", **DESK)
    page.goto("/admin/governance/toolserver/add/")
    expect(page.locator("[name=url]")).to_be_visible()
    expect(page.locator("[name=command]")).to_be_hidden()
    page.locator("[name=kind]").select_option("stdio")
    expect(page.locator("[name=command]")).to_be_visible()
    expect(page.locator("[name=url]")).to_be_hidden()
    page.locator("[name=name]").fill("Files")
    page.locator("[name=slug]").fill("files")
    page.locator("[name=command]").fill("/bin/cat")
    page.locator("[name=args]").fill('["-u"]')
    page.locator("[name=env]").fill("API_KEY=s3cret-value")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Now read its tools")).to_be_visible()
    expect(page.locator("[name=env]")).to_have_value("")
    assert "s3cret-value" not in page.content() and "API_KEY" in page.content()
    assert console.make("ToolServer.objects.get(slug='files').args") == "['-u']"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@DEVICES
def test_no_page_of_the_admin_scrolls_sideways(
    console: Console, waiting: str, visit: Visit, scheme: str, device: dict
) -> None:
    long = "x" * 500
    made = f"{OFFERS}.make_server('{'s' * 40}', name='{'n' * 100}')"
    console.make(f"{OFFERS}.offer({made}, {OFFERS}.defined('{'t' * 128}', '{long}'))")
    console.make(f"actions.halt(make_agent('{'a' * 100}'), reason='{long}')")
    server = console.make("ToolServer.objects.latest('id').pk")
    agent = console.make("Agent.objects.latest('id').pk")
    page = visit("olli", color_scheme=scheme, **device)
    for path in (
        "/admin/", waiting, f"/admin/governance/toolserver/{server}/accept-offered/",
        f"/admin/governance/agent/{agent}/resume/", "/admin/governance/policyversion/new/",
        f"/admin/governance/toolserver/{server}/read-tools/",
    ):
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })")
        assert fits(page), path
