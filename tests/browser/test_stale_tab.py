"""A tab that is older than the log-in: another one has begun a new session meanwhile."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Console


def test_a_form_older_than_the_session_is_refused_in_words_and_keeps_its_text(
    console: Console, visit: Callable[..., Page]
) -> None:
    console.make("make_reviewer('sarah')")
    reference = console.make("make_request(arguments={'beneficiary_id': 'BEN-123', 'days': 14})")
    page = visit("sarah", at=f"/requests/{reference}/")
    expect(page.locator("html[data-live=on]")).to_be_attached()
    page.context.add_cookies([{"name": "csrftoken", "value": "n" * 32, "url": console.url}])  # the other tab's log-in
    page.get_by_text("Reject", exact=False).first.click()
    page.locator("#reason").fill("No letter.")
    page.get_by_role("button", name="Reject and tell the agent").click()
    expect(page.get_by_role("alert")).to_contain_text("For your safety nothing was done")
    expect(page.locator("#reason")).to_have_value("No letter.")
    assert console.make(f"GovernanceRequest.objects.get(reference='{reference}').status") == "in_review"
