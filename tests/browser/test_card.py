"""The card in real browsers: keys, editing in place, the undo window, following the row, without network or scripts."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console
from tests.browser.test_console import listening

Visit = Callable[..., Page]
ASK = "actions.ask(GovernanceRequest.objects.get(reference='{}'), reviewer=User.objects.get(username='mona'), text='?')"


@pytest.fixture
def sarah(console: Console) -> str:
    console.make("setattr(__import__('django.conf').conf.settings, 'UNDO_SECONDS', 60)")  # enough for a busy machine
    console.make("make_reviewer('sarah', first_name='Sarah', last_name='Lind')")
    console.make("make_reviewer('mona', first_name='Mona', last_name='Abadi')")
    return "sarah"


@pytest.fixture
def reference(console: Console, sarah: str) -> str:
    return console.make("make_request(arguments={'beneficiary_id': 'BEN-123', 'days': 14})")


def status_of(console: Console, reference: str) -> str:
    return console.make(f"GovernanceRequest.objects.get(reference='{reference}').status")


def opened(visit: Visit, user: str, reference: str, **options: object) -> Page:
    page = visit(user, **options)
    page.goto(f"/requests/{reference}/")
    if options.get("java_script_enabled", True):
        listening(page)
    return page


def test_a_arms_a_again_approves_and_z_takes_it_back(
    console: Console, sarah: str, visit: Visit, reference: str
) -> None:
    page = opened(visit, sarah, reference)
    page.keyboard.press("Enter")
    page.keyboard.press("a")
    expect(page.locator(".consequence .armed")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".is-armed")).to_have_count(0)
    assert status_of(console, reference) == "in_review"
    page.keyboard.press("a")
    page.keyboard.press("a")
    expect(page.locator("[data-undo-words]")).to_have_text(re.compile(r"Runs in \d+ s\."))
    assert status_of(console, reference) == "approved"
    page.keyboard.press("z")
    expect(page.get_by_role("button", name="Approve and extend payment")).to_be_visible()
    assert status_of(console, reference) == "in_review"


def test_a_call_is_edited_and_approved_inside_the_card(
    console: Console, sarah: str, visit: Visit, reference: str
) -> None:
    page = opened(visit, sarah, reference)
    page.keyboard.press("e")
    page.locator("[name='a/days']").fill("7")
    page.get_by_role("button", name="Show what differs").click()
    expect(page.locator("del")).to_have_text("14")
    expect(page.locator("ins")).to_have_text("7")
    page.get_by_role("button", name="Approve with these changes").click()
    expect(page.get_by_text("Approved with changes by")).to_be_visible()
    expect(page.locator("[data-edit-slot]")).to_be_empty()
    assert console.make(f"Decision.objects.get(request__reference='{reference}').arguments['days']") == "7"


def test_the_open_card_follows_and_keeps_what_is_typed(
    console: Console, sarah: str, visit: Visit, reference: str
) -> None:
    page = opened(visit, sarah, reference)
    page.keyboard.press("r")
    page.locator("#reason").fill("Half a thought")
    console.make(ASK.format(reference))
    expect(page.get_by_text("Waiting for the agent’s answer.")).to_be_visible()
    expect(page.locator("#reason")).to_have_value("Half a thought")
    expect(page.locator("#reason")).to_be_focused()
    console.make(
        f"actions.decide(GovernanceRequest.objects.get(reference='{reference}'), "
        "reviewer=User.objects.get(username='mona'), verdict=Verdict.REJECTED, reason='No letter.', source='console')"
    )
    expect(page.get_by_text("Rejected. Nothing ran.")).to_be_visible()
    expect(page.get_by_text("What you had typed, not sent: “Half a thought”")).to_be_visible()


def test_without_network_nothing_is_sent_and_nothing_is_lost(
    console: Console, sarah: str, visit: Visit, reference: str
) -> None:
    page = opened(visit, sarah, reference)
    page.keyboard.press("r")
    page.context.set_offline(True)
    page.locator("#reason").fill("No letter.")
    page.get_by_role("button", name="Reject and tell the agent").click()
    expect(page.locator("[data-reject] .held")).to_be_visible()
    assert status_of(console, reference) == "in_review"
    page.context.set_offline(False)
    listening(page)
    expect(page.locator("#reason")).to_have_value("No letter.")
    page.get_by_role("button", name="Reject and tell the agent").click()
    expect(page.get_by_text("Rejected. Nothing ran.")).to_be_visible()


def test_the_back_button_shows_the_case_as_it_is_now(
    console: Console, sarah: str, visit: Visit, reference: str
) -> None:
    page = opened(visit, sarah, reference)
    page.goto("/history/")
    console.make(f"overdue(GovernanceRequest.objects.get(reference='{reference}'))")
    page.go_back()
    expect(page.get_by_text("Expired. Nothing ran.")).to_be_visible()
    expect(page.locator("#approve")).to_have_count(0)


def test_two_people_meet_on_one_case_without_javascript(
    console: Console, sarah: str, visit: Visit, reference: str
) -> None:
    first = opened(visit, sarah, reference, java_script_enabled=False)
    second = opened(visit, "mona", reference, java_script_enabled=False)
    first.get_by_role("button", name="Claim").click()
    second.get_by_role("button", name="Approve and extend payment").click()
    expect(second.get_by_role("alert")).to_contain_text("Sarah Lind is reading this case")
    first.get_by_role("link", name="Edit").click()
    first.locator("[name='a/days']").fill("7")
    first.get_by_role("button", name="Show what differs").click()
    first.get_by_role("button", name="Approve with these changes").click()
    first.get_by_role("button", name="Undo").click()
    expect(first.get_by_role("button", name="Approve and extend payment")).to_be_visible()
