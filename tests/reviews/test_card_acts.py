"""What a reviewer does with a case besides deciding: claim, hand over, ask, extend, undo."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from governance import actions
from governance.models import GovernanceRequest, User
from governance.states import Status
from reviews.undoing import undoable_of
from tests.factories import make_agent, make_request, make_reviewer, make_viewer, overdue, release_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def sarah() -> User:
    return make_reviewer("sarah", first_name="Sarah", last_name="Lind")


@pytest.fixture
def mona() -> User:
    return make_reviewer("mona", first_name="Mona", last_name="Abadi")


def act(
    client: Client, request: GovernanceRequest, verb: str, in_place: bool = False, **data: object
) -> tuple[int, str]:
    """Status and text of the page that follows."""
    headers = {"HX-Request": "true"} if in_place else {}
    answer = client.post(f"/requests/{request.reference}/{verb}/", data, headers=headers, follow=True)
    return answer.status_code, " ".join(answer.content.decode().split())


def page_of(client: Client, request: GovernanceRequest) -> str:
    return " ".join(client.get(request.get_absolute_url()).content.decode().split())


def test_a_claimed_case_says_so_and_can_be_released(as_sarah: Client, sarah: User) -> None:
    request = make_request()
    status, text = act(as_sarah, request, "claim")
    assert (status, GovernanceRequest.objects.get().claimant) == (200, sarah)
    assert "Held by you" in text
    act(as_sarah, request, "release")
    assert GovernanceRequest.objects.get().claimant is None


def test_a_case_that_somebody_else_reads_is_decided_after_taking_it_over(
    as_sarah: Client, sarah: User, mona: User
) -> None:
    request = make_request()
    actions.claim(request, reviewer=mona)
    text = page_of(as_sarah, request)
    assert "Mona Abadi reads this case" in text
    assert 'id="approve"' not in text
    status, text = act(as_sarah, request, "decide", verdict="APPROVED")
    assert status == 409
    assert "Mona Abadi is reading this case." in text
    act(as_sarah, request, "claim", take_over="1")
    assert GovernanceRequest.objects.get().claimant == sarah
    assert act(as_sarah, request, "decide", verdict="APPROVED")[0] == 200


def test_a_claim_does_not_take_over_by_itself(as_sarah: Client, mona: User) -> None:
    request = make_request()
    actions.claim(request, reviewer=mona)
    assert act(as_sarah, request, "claim")[0] == 409
    assert GovernanceRequest.objects.get().claimant == mona


def test_a_case_is_handed_over_with_a_note(as_sarah: Client, mona: User) -> None:
    request = make_request()
    make_viewer("vic", first_name="Vic")
    choices = re.findall(r"<option[^>]*>([^<]+)</option>", page_of(as_sarah, request))
    assert choices == ["Choose a colleague", "Mona Abadi"]
    _status, text = act(as_sarah, request, "hand-over", to=mona.pk, note="You know her.")
    assert "Handed over. Mona Abadi finds it among their cases." in text
    client = Client()
    client.force_login(mona)
    assert "You know her." in page_of(client, request)


def test_it_is_handed_over_only_to_who_may_decide(as_sarah: Client, mona: User) -> None:
    request = make_request(agent=make_agent(owner=mona))
    assert act(as_sarah, request, "hand-over", to=mona.pk, note="Please")[0] == 422
    assert GovernanceRequest.objects.get().claimant is None


def test_a_question_waits_on_the_card_until_the_agent_answers(as_sarah: Client) -> None:
    request = make_request(agent=make_agent("demo-agent"))
    _status, text = act(as_sarah, request, "ask", text="Which <letter>?")
    assert "Which &lt;letter&gt;?" in text
    assert "Waiting for the agent’s answer." in text
    actions.answer(request, agent=request.agent, text="The one of May.")
    text = page_of(as_sarah, request)
    assert "The one of May." in text
    assert "Waiting for the agent’s answer." not in text


def test_a_second_question_is_refused_and_kept(as_sarah: Client, sarah: User) -> None:
    request = make_request()
    actions.ask(request, reviewer=sarah, text="First?")
    status, text = act(as_sarah, request, "ask", text="Second?")
    assert status == 409
    assert "What you wrote was not recorded:" in text
    assert "Second?" in text


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
def test_a_question_that_is_none_is_said_at_its_field(as_sarah: Client, text: str) -> None:
    request = make_request()
    status, page = act(as_sarah, request, "ask", text=text)
    assert status == 422
    assert 'id="ask-error"' in page
    assert not request.questions.exists()


def test_the_deadline_is_extended_by_what_the_page_offers(as_sarah: Client) -> None:
    request = make_request()
    before = request.deadline
    assert 'name="seconds" value="14400"' in page_of(as_sarah, request)
    act(as_sarah, request, "extend", seconds=14400)
    assert GovernanceRequest.objects.get().deadline == before + timedelta(hours=4)
    assert act(as_sarah, request, "extend", seconds=99)[0] == 422


def test_an_approval_is_undone_within_its_window(as_sarah: Client) -> None:
    request = make_request()
    _status, text = act(as_sarah, request, "decide", verdict="APPROVED")
    assert "Approved; it runs in a moment." in text
    assert f'action="/requests/{request.reference}/undo/"' in text
    _status, text = act(as_sarah, request, "undo")
    assert GovernanceRequest.objects.get().status == Status.IN_REVIEW
    assert "does not hold any more" in text
    assert 'id="approve"' in text


def test_the_next_page_offers_the_undo_too_until_it_is_too_late(as_sarah: Client) -> None:
    request = make_request()
    act(as_sarah, request, "decide", verdict="APPROVED")
    answer = as_sarah.get("/queue/")
    assert undoable_of(answer.wsgi_request) == request
    release_now(request)
    assert undoable_of(answer.wsgi_request) is None


def test_too_late_is_said(as_sarah: Client) -> None:
    request = make_request()
    act(as_sarah, request, "decide", verdict="APPROVED")
    release_now(request)
    status, text = act(as_sarah, request, "undo")
    assert status == 409
    assert "released" in text


def test_the_colleague_sees_the_approval_without_a_button_to_undo_it(as_sarah: Client, mona: User) -> None:
    request = make_request()
    act(as_sarah, request, "decide", verdict="APPROVED")
    client = Client()
    client.force_login(mona)
    assert "data-undo-button" not in page_of(client, request)
    assert act(client, request, "undo")[0] == 403


def test_a_preset_is_a_reason_and_own_words_follow_it(as_sarah: Client) -> None:
    request = make_request()
    act(as_sarah, request, "decide", verdict="REJECTED", preset="document", reason="The lease, please.")
    assert request.decisions.get().reason == "A document is needed first. The lease, please."


@pytest.mark.parametrize("verb", ["claim", "release", "ask", "extend", "hand-over", "undo", "edit", "decide"])
def test_somebody_without_the_right_is_told_who_has_it(verb: str, sarah: User) -> None:
    request = make_request()
    client = Client()
    client.force_login(make_viewer("vic"))
    data = {"text": "Why?", "seconds": 3600, "to": sarah.pk, "verdict": "APPROVED"}
    status, text = act(client, request, verb, **data)
    assert status == 403
    assert "You cannot decide this." in text
    assert "Sarah Lind" in text


def test_a_case_that_expired_under_the_hands_keeps_what_was_typed(as_sarah: Client) -> None:
    request = overdue(make_request())
    typed = "Half a thought"
    for verb, data in (("ask", {"text": typed}), ("decide", {"verdict": "REJECTED", "reason": typed})):
        status, text = act(as_sarah, request, verb, in_place=True, **data)
        assert status == 409
        assert "expired at" in text
        assert typed in text


# -- live -------------------------------------------------------------------------------------


def test_an_act_in_place_answers_with_the_parts_alone(as_sarah: Client) -> None:
    request = make_request()
    status, text = act(as_sarah, request, "claim", in_place=True)
    assert (status, "<html" in text, text.count("data-live=")) == (200, False, 5)
    assert "The case is yours for 15 minutes." in text


def test_the_state_is_sent_only_when_something_changed(as_sarah: Client, sarah: User, mona: User) -> None:
    request = make_request()
    address = f"/requests/{request.reference}/state/"

    def version() -> str:
        return re.search(r'data-version="(\w+)"', as_sarah.get(address).content.decode())[1]

    seen = [version()]
    changes = [
        lambda: actions.claim(request, reviewer=mona),
        lambda: actions.release(request, reviewer=mona),
        lambda: actions.ask(request, reviewer=sarah, text="Why?"),
        lambda: actions.answer(request, agent=request.agent, text="So."),
        lambda: actions.extend(request, reviewer=mona, seconds=3600),
        lambda: GovernanceRequest.objects.update(deadline=timezone.now()),
    ]
    for change in changes:
        assert as_sarah.get(f"{address}?version={seen[-1]}").status_code == 204
        change()
        assert as_sarah.get(f"{address}?version={seen[-1]}").status_code == 200
        seen.append(version())
    assert len(set(seen)) >= len(changes)


def test_the_pane_is_the_card_without_the_page(as_sarah: Client) -> None:
    request = make_request(agent=make_agent("demo-agent"))
    text = as_sarah.get(f"/requests/{request.reference}/pane/").content.decode()
    assert "<html" not in text
    assert f'action="/requests/{request.reference}/decide/"' in text
    assert "Exact arguments" in text


def test_the_card_takes_few_queries(as_sarah: Client, django_assert_max_num_queries: object) -> None:
    request = make_request(arguments={f"a{i}": {"b": [i, {"c": i}]} for i in range(40)})
    with django_assert_max_num_queries(32):
        page_of(as_sarah, request)
