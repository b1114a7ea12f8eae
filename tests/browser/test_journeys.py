"""The ten journeys that matter, from the agent's real call over MCP to what a person sees and does.

Each at a desk in light and on a phone in the dark; the one of keys at a desk in the dark. What they share: one gateway
with workers, whose database is not emptied in between, so each begins by letting what still waits expire.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.agents import Caller
from tests.browser.conftest import DESK, PHONE, Console, listening
from tests.factories import PASSWORD

LOOKS = pytest.mark.parametrize(
    "look", [{"color_scheme": "light", **DESK}, {"color_scheme": "dark", **PHONE}], ids=["desk-light", "phone-dark"]
)
ROW = "[data-list] > [data-reference='{}']"
EXTEND, APPROVE = "request_payment_extension", "Approve and extend payment"
RULES = (
    'version: 1\nrules:\n  - name: audits-are-seen\n    effect: review\n    when: {agent: "audit-*", server: welfare}\n'
)
SET_UNDO = "setattr(__import__('django.conf').conf.settings, 'UNDO_SECONDS', {})"

Look = dict[str, Any]
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def running(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("journeys")
    shutil.copytree(migrated.parent, folder, dirs_exist_ok=True)
    running = Console(folder, migrated, workers=True)
    running.make("make_reviewer('sarah', first_name='Sarah', last_name='Lind')")
    running.make("make_reviewer('mona', first_name='Mona', last_name='Abadi')")
    running.make("make_reviewer('olga', role='operator', first_name='Olga', last_name='Ferrer')")
    running.make(f"actions.activate_policy(actions.save_policy(Team.objects.default(), {RULES!r}))")
    yield running
    running.close()


@pytest.fixture
def console(running: Console) -> Console:
    running.make("[actions.expire(overdue(row)) for row in GovernanceRequest.objects.filter(status='in_review')]")
    running.make(SET_UNDO.format(60))  # enough for a busy machine
    return running


@pytest.fixture
def agent(console: Console) -> Caller:
    return new_agent(console, "pay-desk")


def new_agent(console: Console, name: str) -> Caller:
    number = console.make("Agent.objects.count()")
    return Caller(console.url, console.make(f"actions.create_agent('{name}-{number}')[1]"))


@pytest.fixture
def reference(agent: Caller) -> str:
    """Ada Obi's payments, 14 days longer: waits for a person."""
    return extension(agent)


def extension(agent: Caller, beneficiary: str = "BEN-123", days: int = 14) -> str:
    return agent.wait_for_a_person(EXTEND, beneficiary_id=beneficiary, days=days, reason="The rent.")


def row_of(reference: str) -> str:
    return f"GovernanceRequest.objects.get(reference='{reference}')"


def decisions(console: Console, reference: str) -> str:
    return console.make(f"Decision.objects.filter(request__reference='{reference}').count()")


def opened(visit: Visit, username: str, reference: str, look: Look) -> Page:
    page = visit(username, f"/requests/{reference}/", **look)
    if look.get("java_script_enabled", True):
        listening(page)
    return page


@LOOKS
def test_1_a_call_is_approved_undone_approved_again_and_runs_once(
    console: Console, agent: Caller, reference: str, visit: Visit, look: Look
) -> None:
    """Sarah logs in, opens the case from the queue, takes her approval back in time, and approves for good."""
    page = visit("", **look)
    page.goto("/login/")
    page.get_by_label("Name").fill("sarah")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator(ROW.format(reference)).get_by_role("link").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("wants to extend the payments of Ada Obi (BEN-123) by 14 days, until ")
    listening(page)
    page.get_by_role("button", name=APPROVE).click()
    expect(page.locator("[data-undo-words]")).to_have_text(re.compile(r"Runs in \d+ s\."))
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("does not hold any more")).to_be_visible()
    console.make(SET_UNDO.format(1))
    page.get_by_role("button", name=APPROVE).click()
    expect(page.get_by_text("Executed once; this is the real result.")).to_be_visible(timeout=30_000)
    assert "Ada Obi" in agent.reads(reference)


@LOOKS
def test_2_a_rejection_by_preset_and_words_is_what_the_agent_reads(
    console: Console, agent: Caller, reference: str, visit: Visit, look: Look
) -> None:
    """The form shows before it is sent what the agent will read, and that is what it reads."""
    page = opened(visit, "sarah", reference, look)
    page.locator("[data-panel=reject] > summary").click()
    page.get_by_label("A document is needed first.").check()
    page.locator("#reason").fill("The landlord’s letter.")
    words = "A document is needed first. The landlord’s letter."
    expect(page.locator("[data-will-read]")).to_contain_text(words)
    page.get_by_role("button", name="Reject and tell the agent").click()
    expect(page.get_by_text("Rejected. Nothing ran.")).to_be_visible()
    assert words in agent.reads(reference)


@LOOKS
def test_3_an_edited_call_is_shown_confirmed_and_what_runs(
    console: Console, agent: Caller, reference: str, visit: Visit, look: Look
) -> None:
    """14 days become 7: the difference before sending, then the office's own answer to the edited call."""
    console.make(SET_UNDO.format(1))
    page = opened(visit, "sarah", reference, look)
    page.locator("[data-edit]").click()
    page.locator("[name='a/days']").fill("7")
    page.get_by_role("button", name="Show what differs").click()
    expect(page.locator("del")).to_have_text("14")
    expect(page.locator("ins")).to_have_text("7")
    page.get_by_role("button", name="Approve with these changes").click()
    expect(page.get_by_text("Approved with changes by")).to_be_visible()
    expect(page.locator("[data-edit-slot]")).to_be_empty()
    expect(page.get_by_text("Executed once; this is the real result.")).to_be_visible(timeout=30_000)
    assert console.make(f"Decision.objects.get(request__reference='{reference}').arguments['days']") == "7"
    assert "/days" in agent.reads(reference) or '"days"' in agent.reads(reference), "the agent is told what changed"


@LOOKS
def test_4_the_agent_answers_a_question_onto_the_open_card(
    agent: Caller, reference: str, visit: Visit, look: Look
) -> None:
    """Sarah asks back; the agent finds the question with its call and answers; she need not reload."""
    page = opened(visit, "sarah", reference, look)
    page.locator("[data-panel=ask] > summary").click()
    page.locator("#ask").fill("When does the housing office decide?")
    page.locator("[data-panel=ask]").get_by_role("button", name="Ask the agent").click()
    expect(page.get_by_text("Waiting for the agent’s answer.")).to_be_visible()
    assert "When does the housing office decide?" in agent.reads(reference)
    agent.call("answer_question", reference=reference, text="On the 12th, they wrote.")
    expect(page.get_by_text("On the 12th, they wrote.")).to_be_visible()
    expect(page.get_by_text("Waiting for the agent’s answer.")).to_have_count(0)


@LOOKS
def test_5_a_claim_is_seen_taken_over_and_handed_back(reference: str, visit: Visit, look: Look) -> None:
    """Two people never read the same case unknowingly, in the list and on the card, and can pass it on with a note."""
    sarah = opened(visit, "sarah", reference, look)
    listing, mona = visit("mona", **look), opened(visit, "mona", reference, look)
    listening(listing)
    sarah.get_by_role("button", name="Claim").click()
    expect(sarah.get_by_text("Held by you")).to_be_visible()
    expect(listing.locator(ROW.format(reference))).to_contain_text("Sarah Lind")
    expect(mona.get_by_text("Sarah Lind reads this case")).to_be_visible()
    mona.get_by_role("button", name="Take over").click()
    expect(mona.get_by_role("button", name=APPROVE)).to_be_visible()
    expect(sarah.get_by_text("Mona Abadi reads this case")).to_be_visible()
    mona.locator("[data-menu] > summary").click()
    mona.locator(".hand-over select").select_option(label="Sarah Lind")
    mona.locator(".hand-over textarea").fill("You know the family.")
    mona.get_by_role("button", name="Hand over for 4 hours").click()
    expect(mona.get_by_text("Sarah Lind reads this case")).to_be_visible()
    expect(sarah.get_by_text("You know the family.").first).to_be_visible()


@LOOKS
def test_6_of_two_browsers_one_decides_and_the_other_is_told_who(
    console: Console, agent: Caller, reference: str, visit: Visit, look: Look
) -> None:
    """Seen at once when one was earlier; explained by name when both press at the same moment."""
    pages = {name: opened(visit, name, reference, look) for name in ("sarah", "mona")}
    pages["sarah"].get_by_role("button", name=APPROVE).click()
    expect(pages["mona"].locator(".outcome")).to_contain_text("Approved by Sarah Lind")
    expect(pages["mona"].locator("#approve")).to_have_count(0)

    both = extension(agent, "BEN-174")
    for page in pages.values():
        page.goto(f"/requests/{both}/")
        listening(page)
    for page in pages.values():
        page.evaluate("document.querySelector('[data-approve]').click()")
    expect(pages["sarah"].locator(".outcome")).to_be_visible()
    assert decisions(console, both) == "1"
    winner = console.make(f"Decision.objects.get(request__reference='{both}').reviewer")
    loser = pages["mona" if winner == "sarah" else "sarah"]
    name = console.make(f"User.objects.get(username='{winner}').display_name")
    expect(loser.get_by_role("alert")).to_contain_text(f"is already decided: approved by {name}")
    expect(loser.locator("[data-undo-button]")).to_have_count(0)


def test_7_by_keys_alone(console: Console, reference: str, visit: Visit) -> None:
    """j, k, Enter, a, z, r, e, ?, u, x: from the list to a decision, and identical calls together."""
    for name in ("audit-a", "audit-b"):
        new_agent(console, name).wait_for_a_person("check_payment_status", beneficiary_id="BEN-152")
    page = visit("sarah", color_scheme="dark", **DESK)
    listening(page)
    press, rows = page.keyboard.press, page.locator("[data-list] > [data-reference]")
    expect(rows).to_have_count(3)
    press("j")
    expect(page.get_by_role("region", name="Preview")).to_contain_text("Ada Obi")
    press("j")
    press("k")
    expect(rows.nth(0).locator(".row-link")).to_be_focused()
    press("Enter")
    page.wait_for_url(f"**/requests/{reference}/")
    listening(page)
    press("Enter")
    press("a")
    expect(page.locator(".consequence .armed")).to_be_visible()
    assert decisions(console, reference) == "0", "the first press only arms"
    press("a")
    expect(page.locator("[data-undo-words]")).to_be_visible()
    press("z")
    expect(page.get_by_role("button", name=APPROVE)).to_be_visible()
    press("r")
    expect(page.locator("#reason")).to_be_focused()
    press("Escape")
    press("e")
    expect(page.locator("[name='a/days']")).to_be_visible()
    page.locator("body").evaluate("document.activeElement.blur()")
    press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Approve")
    press("Escape")
    press("u")
    page.wait_for_url("**/queue/")
    listening(page)
    for key in "jjxjx":
        press(key)
    together = page.get_by_role("region", name="Selected requests")
    expect(together).to_contain_text("2 identical calls")
    together.get_by_role("button", name="Approve and run check_payment_status for each").press("Enter")
    expect(page.get_by_role("heading", name="2 calls decided")).to_be_visible()


@LOOKS
def test_8_without_network_nothing_is_lost_and_it_is_decided_once(
    console: Console, reference: str, visit: Visit, look: Look
) -> None:
    """A banner says so, the words stay, what happened meanwhile arrives by itself, and nothing is sent unseen."""
    page = opened(visit, "sarah", reference, look)
    page.locator("[data-panel=reject] > summary").click()
    page.locator("#reason").fill("No let")
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    page.locator("#reason").fill("No letter.")
    page.get_by_role("button", name="Reject and tell the agent").click()
    expect(page.locator("[data-reject] .held")).to_contain_text("Not sent")
    console.make(f"actions.ask({row_of(reference)}, reviewer=User.objects.get(username='mona'), text='Which letter?')")
    assert decisions(console, reference) == "0"
    page.context.set_offline(False)
    expect(page.locator("[data-offline]")).to_be_hidden()
    expect(page.get_by_text("Which letter?")).to_be_visible()
    expect(page.locator("#reason")).to_have_value("No letter.")
    page.get_by_role("button", name="Reject and tell the agent").click()
    expect(page.get_by_text("Rejected. Nothing ran.")).to_be_visible()
    assert decisions(console, reference) == "1"


@LOOKS
def test_9_a_page_that_is_no_longer_true_explains_itself(
    console: Console, agent: Caller, reference: str, visit: Visit, look: Look
) -> None:
    """The right lost while the page was open, the deadline passed, a stale tab, the back button, a double click."""
    membership = "Membership.objects.filter(user__username='sarah').update(role='{}')"
    page = opened(visit, "sarah", reference, look)
    page.wait_for_load_state("networkidle")
    console.make(membership.format("viewer"))
    page.get_by_role("button", name=APPROVE).click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_text("You cannot decide this.")).to_be_visible()
    console.make(membership.format("reviewer"))
    page.reload()
    listening(page)

    console.make(f"actions.expire(overdue({row_of(reference)}))")
    expect(page.get_by_text("Expired. Nothing ran.")).to_be_visible()
    expect(page.locator("#approve")).to_have_count(0)

    twice = extension(agent, "BEN-131")
    stale = opened(visit, "mona", twice, {**look, "java_script_enabled": False})
    page.goto(f"/requests/{twice}/")
    listening(page)
    page.locator("[data-approve]").dblclick()
    expect(page.locator("[data-undo-words]")).to_be_visible()
    assert decisions(console, twice) == "1"
    stale.get_by_role("button", name=APPROVE).click()
    expect(stale.get_by_role("alert")).to_contain_text("is already decided: approved by Sarah Lind at ")

    page.goto("/history/")
    page.go_back()
    expect(page.locator(".outcome")).to_contain_text("Approved by Sarah Lind")
    expect(page.locator("#approve")).to_have_count(0)


@LOOKS
def test_10_a_new_agent_is_connected_heard_and_its_call_shared_and_approved_without_scripts(
    console: Console, agent: Caller, visit: Visit, look: Look
) -> None:
    """The light turns on with the first real call; the view it waits in has an address that works for a colleague."""
    name = console.make("Agent.objects.latest('pk').name")
    page = visit("olga", "/connect/", **look)
    page.get_by_label("Agent", exact=True).select_option(label=name)
    page.get_by_role("button", name="Issue a token").click()
    expect(page.get_by_text("Waiting to hear from it.")).to_be_visible()
    reference = extension(Caller(console.url, page.locator("#token").inner_text()), "BEN-218", 30)
    expect(page.get_by_text("We heard from it.")).to_be_visible()

    page.goto("/queue/")
    page.get_by_role("button", name="Agent", exact=True).click()
    page.get_by_role("link", name=name).click()
    page.get_by_role("button", name="Save as a view").click()
    page.get_by_label("Name").fill(f"New: {name}")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name=f"New: {name}")).to_have_attribute("aria-current", "page")

    colleague = visit("mona", page.url, **{**look, "java_script_enabled": False})
    colleague.locator(ROW.format(reference)).get_by_role("link").click()
    colleague.get_by_role("button", name=APPROVE).click()
    expect(colleague.locator(".outcome")).to_contain_text("Approved by Mona Abadi")
