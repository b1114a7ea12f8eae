"""REST beside deciding: claim, hand over, ask, extend, undo, and deciding on an edited call."""

import pytest

from governance import actions
from governance.models import GovernanceRequest
from governance.models.decisions import Source
from governance.states import Status, Verdict
from tests.factories import make_request, make_reviewer, make_tool, make_viewer
from tests.reviews.rest import error_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]

VERBS = {
    "claim": {}, "release": None, "hand-over": {"to": "tom"}, "questions": {"text": "Why?"},
    "extend": {"seconds": 3600}, "undo": None, "decide": {"verdict": "APPROVED"},
}


@pytest.fixture(autouse=True)
def _long_enough(settings):
    """An undo in time on any machine."""
    settings.UNDO_SECONDS = 60


def post(call, request, verb, body=None, **options):
    return call("POST", f"/api/requests/{request.reference}/{verb}/", body, **options)


def read(call, request):
    return call("GET", f"/api/requests/{request.reference}/").json()


def test_a_claim_is_shown_kept_from_others_and_taken_over(call, sarah):
    request = make_request()
    assert read(call, request)["claim"] is None
    claimed = post(call, request, "claim", {}).json()["claim"]
    assert claimed["by"] == "sarah" and claimed["until"] and claimed["note"] == ""
    tom = actions.issue_api_token(make_reviewer("tom"))
    error = error_of(post(call, request, "claim", {}, by=tom), 409)
    assert error["code"] == "claimed" and "sarah is reading this case" in error["message"]
    assert post(call, request, "claim", {"take_over": True}, by=tom).json()["claim"]["by"] == "tom"
    assert post(call, request, "release").json()["claim"]["by"] == "tom"  # it is not sarah's any more
    assert post(call, request, "release", by=tom).json()["claim"] is None


def test_a_case_is_handed_over_with_a_note(call):
    request, _ = make_request(), make_reviewer("tom")
    body = post(call, request, "hand-over", {"to": "tom", "note": "You know her."}).json()
    assert (body["claim"]["by"], body["claim"]["note"]) == ("tom", "You know her.")
    make_viewer("ann")
    other = make_request()
    assert error_of(post(call, other, "hand-over", {"to": "ann"}), 403)["code"] == "not_allowed"
    assert "username nobody" in error_of(post(call, other, "hand-over", {"to": "nobody"}), 404)["message"]
    assert error_of(post(call, other, "hand-over", {"to": "sarah"}), 400)["field"] == "to"


def test_a_question_and_its_answer_stand_in_the_request(call):
    request = make_request()
    asked = post(call, request, "questions", {"text": " Which documents? "}).json()
    assert (asked["reference"], asked["text"], asked["asked_by"], asked["answered_at"]) == (
        request.reference, "Which documents?", "sarah", None,
    )
    assert error_of(post(call, request, "questions", {"text": "And?"}), 409)["code"] == "wrong_state"
    actions.answer(request, agent=request.agent, text="The discharge letter.")
    (told,) = read(call, request)["questions"]
    assert told["answer"] == "The discharge letter." and told["answered_at"]


def test_the_deadline_is_extended_within_bounds(call):
    request = make_request()
    body = post(call, request, "extend", {"seconds": 14400, "reason": "This afternoon."}).json()
    assert body["deadline"] > read(call, make_request())["deadline"]
    for seconds in (5, "3600", True, None):
        assert error_of(post(call, request, "extend", {"seconds": seconds}), 400)["field"] == "seconds"
    for _ in range(7):
        last = post(call, request, "extend", {"seconds": 86400})
    assert error_of(last, 429)["code"] == "limit_exceeded"


def test_only_an_approval_in_the_console_can_be_undone(call, sarah):
    by_program, by_hand = make_request(), make_request()
    assert post(call, by_program, "decide", {"verdict": "APPROVED"}).status_code == 200
    assert read(call, by_program)["release_at"] is None
    assert "Only an approval in the console" in error_of(post(call, by_program, "undo"), 409)["message"]
    actions.decide(by_hand, reviewer=sarah, verdict=Verdict.APPROVED, source=Source.CONSOLE)
    assert read(call, by_hand)["release_at"]
    body = post(call, by_hand, "undo").json()
    assert (body["status"], body["round"], body["release_at"], body["decided_at"]) == ("in_review", 2, None, None)
    assert "no approval" in error_of(post(call, by_hand, "undo"), 409)["message"]


def test_another_call_is_approved_than_the_agent_sent(call):
    schema = {"type": "object", "properties": {"days": {"type": "integer", "maximum": 30}}, "required": ["days"]}
    request = make_request(tool=make_tool("bounded", input_schema=schema), arguments={"days": 14})
    for verdict, wrong in (("APPROVED", {"days": 31}), ("APPROVED", {}), ("REJECTED", {"days": 7}), ("APPROVED", "x")):
        error = error_of(post(call, request, "decide", {"verdict": verdict, "arguments": wrong}), 400)
        assert error["field"] == "arguments"
    body = {"verdict": "APPROVED", "reason": "One week.", "arguments": {"days": 7}}
    assert post(call, request, "decide", body).json()["edited_arguments"] == {"days": 7}
    assert post(call, request, "decide", body).status_code == 200  # the same again
    assert error_of(post(call, request, "decide", {"verdict": "APPROVED"}), 409)["code"] == "already_decided"
    told = read(call, request)
    assert told["arguments"] == {"days": 14}
    assert told["edited"] == {"changes": [{"path": "/days", "before": 14, "after": 7}], "reason": "One week."}


def test_a_program_decides_what_somebody_at_a_screen_has_claimed(call):
    request = make_request()
    actions.claim(request, reviewer=make_reviewer("tom"))
    assert post(call, request, "decide", {"verdict": "APPROVED"}).status_code == 200
    request.refresh_from_db()
    assert request.status == Status.APPROVED and request.release_at is None


@pytest.mark.parametrize(("verb", "body"), VERBS.items())
def test_each_verb_is_for_those_who_may_decide_and_see_it(call, verb, body):
    make_reviewer("tom")
    request, viewer = make_request(), actions.issue_api_token(make_viewer())
    assert error_of(post(call, request, verb, body, by=viewer), 403)["code"] == "not_allowed"
    unseen = GovernanceRequest(reference="evt_0000000000000000")
    assert error_of(post(call, unseen, verb, body), 404)["code"] == "not_found"
    assert error_of(post(call, request, verb, body, by=None), 401)["code"] == "not_authenticated"


@pytest.mark.parametrize("verb", ["claim", "hand-over", "questions", "extend"])
@pytest.mark.parametrize("body", [{"unknown": "x"}, [], {"text": 5}, {"text": " "}, {"text": "a\x00b"}, b"{"])
def test_a_body_that_is_not_right_is_refused(call, verb, body):
    if not (verb == "claim" and body == {}):
        assert error_of(post(call, make_request(), verb, body), 400)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("undo", "release")])
def test_what_is_decided_is_a_conflict(call, verb):
    make_reviewer("tom")
    request = make_request(status=Status.DENIED)
    assert error_of(post(call, request, verb, VERBS[verb]), 409)["code"] in ("wrong_state", "already_decided")
