"""The request page: everything a decision needs, exact, in every state."""

import json

import pytest
from django.test import Client

from governance.models import GovernanceRequest, User
from governance.scoring.base import Contribution
from governance.states import Status
from reviews.bars import bars_of
from reviews.cards import card_of
from tests.factories import make_agent, make_request, make_reviewer, make_score, overdue

pytestmark = pytest.mark.django_db


def page_of(client: Client, request: GovernanceRequest) -> str:
    answer = client.get(request.get_absolute_url())
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_it_shows_the_exact_arguments_and_their_digest(as_sarah: Client) -> None:
    request = make_request(arguments={"beneficiary_id": "BEN-1", "days": 14, "note": "<b>\"x\"</b>", "n": {"a": [1]}})
    text = page_of(as_sarah, request)
    assert "&lt;b&gt;&quot;x&quot;&lt;/b&gt;" in text
    assert request.arguments_digest in text
    assert request.arguments_json.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;") in text


def test_it_shows_reason_intent_and_context_as_text(as_sarah: Client) -> None:
    request = make_request(
        stated_reason="She <script>alert(1)</script> asked.", intent="Two more weeks please.",
        context={"from": "letter"},
    )
    text = page_of(as_sarah, request)
    assert "She &lt;script&gt;" in text
    assert "Two more weeks please." in text
    assert "letter" in text


def test_characters_that_hide_or_turn_text_are_spelled_out(as_sarah: Client) -> None:
    request = make_request(arguments={"to": "abc\u202edef", "zero": "a\u200bb"})
    text = page_of(as_sarah, request)
    assert "abc\\u202edef" in text
    assert "contains 2 invisible or direction-changing characters" in text
    assert "\u202e" not in text


def test_contributions_are_listed_with_their_sign_strongest_first() -> None:
    parts = (Contribution("b", "Named", -12), Contribution("a", "Writes", 31), Contribution("c", "Late", 63))
    request = make_request(score=make_score(82, contributions=parts))
    bars = bars_of(GovernanceRequest.objects.with_parts().get(pk=request.pk))
    assert [(bar.label, bar.signed) for bar in bars] == [("Late", "+63"), ("Writes", "+31"), ("Named", "−12")]
    assert [round(bar.width) for bar in bars] == [100, 49, 19]


def test_a_failed_score_is_said_plainly(as_sarah: Client) -> None:
    text = page_of(as_sarah, make_request(score=make_score(failure="The scorer did not answer within 20 s.")))
    assert "No usable score:</b> The scorer did not answer within 20 s. Without a score it counts as 100" in text


def test_the_buttons_say_what_happens(as_sarah: Client) -> None:
    text = page_of(as_sarah, make_request(agent=make_agent("demo-agent")))
    assert "<span>Approve and extend payment</span>" in text
    assert "Reject and tell the agent" in text
    assert "Nothing runs. demo-agent reads your reason." in text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.RECEIVED, "Being scored; there is nothing to decide yet."),
        (Status.SCORING, "Being scored; there is nothing to decide yet."),
        (Status.APPROVED, "Approved; it runs next."),
        (Status.EXECUTING, "Running now."),
        (Status.SUCCEEDED, "Executed once; this is the real result."),
        (Status.FAILED, "The tool refused or failed."),
        (Status.OUTCOME_UNKNOWN, "Nobody can say whether it had its effect."),
        (Status.DENIED, "Rejected. Nothing ran."),
        (Status.EXPIRED, "Expired. Nothing ran."),
    ],
)
def test_every_state_is_drawn_and_offers_no_decision(as_sarah: Client, status: Status, words: str) -> None:
    text = page_of(as_sarah, make_request(status=status, reason="Because."))
    assert words in text
    assert 'name="verdict"' not in text


def test_overdue_is_shown_as_expired_before_the_sweeper_comes(as_sarah: Client, sarah: User) -> None:
    request = overdue(make_request())
    assert card_of(request, sarah).status == Status.EXPIRED
    assert "Silence is never consent." in page_of(as_sarah, request)


def test_the_real_result_is_shown(as_sarah: Client) -> None:
    result = {
        "content": [{"type": "text", "text": "Extended to 15 March <ok>."}, {"type": "image", "data": "x"}],
        "structuredContent": {"due": "2027-03-15"}, "isError": False,
    }
    text = page_of(as_sarah, make_request(status=Status.SUCCEEDED, result=result))
    assert "Extended to 15 March &lt;ok&gt;." in text
    assert "[image]" in text
    assert json.dumps("2027-03-15").replace('"', "&quot;") in text


def test_the_history_names_every_move(as_sarah: Client) -> None:
    text = page_of(
        as_sarah, make_request(status=Status.SUCCEEDED, reviewer=make_reviewer("mona"), reason="I called.", risk=80)
    )
    moves = text[text.index('class="moves"'):]
    places = [moves.index(word) for word in ("Received", "Scoring", "Waiting for review", "Approved", "Executed")]
    assert places == sorted(places)
    assert "mona" in moves


def test_the_fragment_is_the_same_without_the_page(as_sarah: Client) -> None:
    request = make_request()
    text = as_sarah.get(f"/requests/{request.reference}/state/").content.decode()
    assert text.count("data-live=") == 5
    assert "<html" not in text


def test_an_unknown_reference_is_404_in_our_design(as_sarah: Client) -> None:
    answer = as_sarah.get("/requests/evt_0000000000000000/")
    assert answer.status_code == 404
    assert "There is nothing here that you can see" in answer.content.decode()
