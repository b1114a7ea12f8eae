"""The card in real browsers, beside the ten journeys: following the row while somebody writes, and without scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console, listening

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


def opened(visit: Visit, user: str, reference: str, **options: object) -> Page:
    page = visit(user, f"/requests/{reference}/", **options)
    if options.get("java_script_enabled", True):
        listening(page)
    return page


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
