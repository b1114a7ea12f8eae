"""What reviewers do beside deciding: claim, hand over, ask, extend, edit, undo, decide what is alike."""

import json
from datetime import timedelta
from importlib import import_module

import pytest
from django.utils import timezone

from governance import actions
from governance.actions.claim import CLAIMED_FOR, Claimed
from governance.actions.deliveries import claim_deliveries
from governance.errors import AlreadyDecided, InvalidArguments, LimitExceeded, NotAllowed, WrongState
from governance.models import Execution, GovernanceRequest, OutboxEvent
from governance.models.decisions import Source
from governance.states import Status, Verdict
from governance.workflow.outbox import nudge
from tests.factories import make_agent, make_request, make_reviewer, make_tool, make_viewer, overdue, release_now

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _long_enough(settings):
    """An undo in time on any machine."""
    settings.UNDO_SECONDS = 60


def approve(request, reviewer, source=Source.CONSOLE, **more):
    return actions.decide(request, reviewer=reviewer, verdict=Verdict.APPROVED, source=source, **more)


def facts(request):
    return [entry.fact for entry in request.evidence.all()][3:]


def fresh(request):
    return GovernanceRequest.objects.get(pk=request.pk)


# -- claims ------------------------------------------------------------------------------------


def test_a_claimed_case_is_decided_in_the_console_by_its_reader_alone():
    request, sarah, tom = make_request(), make_reviewer("sarah"), make_reviewer("tom")
    actions.claim(request, reviewer=sarah)
    for act in (lambda: approve(request, tom), lambda: actions.claim(request, reviewer=tom)):
        with pytest.raises(Claimed, match="sarah is reading"):
            act()
    actions.claim(request, reviewer=tom, take_over=True)
    with pytest.raises(Claimed, match="tom is reading"):
        approve(request, sarah)
    approve(request, tom)
    assert facts(request) == ["claimed", "claimed", "decided"]


def test_a_claim_runs_out_by_itself():
    request, sarah, tom = make_request(), make_reviewer(), make_reviewer()
    actions.claim(request, reviewer=sarah)
    GovernanceRequest.objects.update(claimed_until=timezone.now())
    assert fresh(request).claimant is None
    assert approve(request, tom).reviewer == tom


def test_reading_on_does_not_shorten_what_a_hand_over_gave():
    request, sarah, tom = make_request(), make_reviewer(), make_reviewer()
    given = actions.hand_over(request, reviewer=sarah, to=tom, note="Yours.").claimed_until
    again = actions.claim(request, reviewer=tom)
    assert (again.claimed_until, again.claim_note) == (given, "Yours.")
    assert given > timezone.now() + CLAIMED_FOR
    assert facts(request) == ["handed_over"]


def test_a_case_is_handed_to_those_who_may_decide_it():
    sarah, tom, owner = make_reviewer(), make_reviewer(), make_reviewer()
    request = make_request(agent=make_agent(owner=owner))
    for nobody in (make_viewer(), owner):
        with pytest.raises(NotAllowed):
            actions.hand_over(request, reviewer=sarah, to=nobody)
    actions.hand_over(request, reviewer=sarah, to=tom)
    with pytest.raises(Claimed):
        actions.hand_over(request, reviewer=sarah, to=make_reviewer())
    actions.release(request, reviewer=sarah)
    assert fresh(request).claimant == tom
    actions.release(request, reviewer=tom)
    assert fresh(request).claimant is None


# -- questions ---------------------------------------------------------------------------------


def test_one_question_is_open_at_a_time_and_its_answer_is_kept():
    request, sarah = make_request(), make_reviewer()
    actions.ask(request, reviewer=sarah, text=" Why 14? ")
    with pytest.raises(WrongState, match="not answered the last"):
        actions.ask(request, reviewer=make_reviewer(), text="And?")
    assert actions.answer(request, agent=request.agent, text="As she asked.").text == "Why 14?"
    with pytest.raises(WrongState, match="Nothing is asked"):
        actions.answer(request, agent=request.agent, text="Again.")
    actions.ask(request, reviewer=sarah, text="Who is she?")
    assert facts(request) == ["asked", "answered", "asked"]


def test_an_answer_comes_from_the_agent_itself_in_time_and_in_bounds():
    request, sarah = make_request(), make_reviewer()
    actions.ask(request, reviewer=sarah, text="Why?")
    with pytest.raises(NotAllowed):
        actions.answer(request, agent=make_agent(), text="Me.")
    for wrong in (" ", "x" * 8_001, "a\x00b", "\ud800"):
        with pytest.raises(InvalidArguments):
            actions.answer(request, agent=request.agent, text=wrong)
    overdue(request)
    assert fresh(request).open_question is None
    with pytest.raises(WrongState, match="nobody waits"):
        actions.answer(request, agent=request.agent, text="Late.")


def test_an_unanswered_question_stops_nobody_from_deciding():
    request, sarah = make_request(), make_reviewer()
    actions.ask(request, reviewer=sarah, text="Why?")
    approve(request, sarah)
    with pytest.raises(WrongState, match="approved"):
        actions.answer(request, agent=request.agent, text="Because.")
    actions.undo(request, reviewer=sarah)
    assert fresh(request).open_question.text == "Why?"


# -- more time ---------------------------------------------------------------------------------


def test_a_deadline_moves_within_seven_days_of_the_arrival():
    request, sarah = make_request(), make_reviewer()
    assert actions.extend(request, reviewer=sarah, seconds=3600).deadline == request.deadline + timedelta(hours=1)
    for _ in range(6):
        last = actions.extend(request, reviewer=sarah, seconds=86400)
    while last.deadline < request.received_at + timedelta(days=7):
        last = actions.extend(request, reviewer=sarah, seconds=86400)
    with pytest.raises(LimitExceeded):
        actions.extend(request, reviewer=sarah, seconds=3600)
    with pytest.raises(WrongState, match="expired"):
        actions.extend(overdue(request), reviewer=sarah, seconds=3600)


def test_a_look_from_before_the_extension_expires_nothing():
    request = overdue(make_request())
    GovernanceRequest.objects.update(deadline=timezone.now() + timedelta(hours=1))
    assert not actions.expire(request)
    assert fresh(request).status == Status.IN_REVIEW and request.deadline > timezone.now()


# -- edits -------------------------------------------------------------------------------------


def test_what_runs_is_the_edited_call(scripted):
    request, sarah = make_request(arguments={"beneficiary_id": "BEN-1", "days": 14}), make_reviewer()
    approve(request, sarah, Source.API, arguments={"days": 7, "beneficiary_id": "BEN-1"})
    actions.run_tool(actions.claim_execution(request.pk))
    assert actions.record_outcome(request.pk) == Status.SUCCEEDED
    assert scripted.calls == [("request_payment_extension", {"beneficiary_id": "BEN-1", "days": 7})]
    assert facts(request) == ["edited", "decided", "executed", "outcome"]
    digests = {json.loads(entry.payload).get("arguments_digest") for entry in request.evidence.all()[4:]}
    assert digests == {request.decisions.get().arguments_digest} != {request.arguments_digest}


def test_an_edit_must_fit_the_tool_the_policy_and_an_approval():
    schema = {"type": "object", "properties": {"days": {"type": "integer", "maximum": 30}}}
    tool, sarah = make_tool("bounded", input_schema=schema), make_reviewer()
    request = make_request(tool=tool, arguments={"days": 14})
    with pytest.raises(InvalidArguments):
        approve(request, sarah, arguments={"days": 31})
    with pytest.raises(InvalidArguments, match="Only a call that is approved"):
        actions.decide(
            request, reviewer=sarah, verdict=Verdict.REJECTED, source=Source.CONSOLE, arguments={"days": 7}
        )
    rule = "version: 1\nrules:\n  - {name: short, effect: deny, message: No., when: {arguments: {days: {equals: 7}}}}\n"
    actions.activate_policy(actions.save_policy(request.team, rule))
    with pytest.raises(WrongState, match="denies this call"):
        approve(request, sarah, arguments={"days": 7})
    assert not approve(request, sarah, arguments={"days": 14}).is_edited


def test_another_edit_is_another_decision():
    request, sarah = make_request(), make_reviewer()
    first = approve(request, sarah, arguments={"days": 7})
    assert approve(request, sarah, arguments={"days": 7}) == first
    with pytest.raises(AlreadyDecided):
        approve(request, sarah, arguments={"days": 8})


# -- undo --------------------------------------------------------------------------------------


def test_an_approval_is_undone_by_who_gave_it_before_it_is_released(scripted):
    request, sarah = make_request(), make_reviewer("sarah")
    approve(request, sarah)
    with pytest.raises(WrongState, match="can still be undone"):
        actions.claim_execution(request.pk)
    with pytest.raises(NotAllowed, match="Only sarah"):
        actions.undo(request, reviewer=make_reviewer())
    assert actions.undo(request, reviewer=sarah).round == 2
    assert actions.claim_execution(request.pk) is None
    assert fresh(request).decision is None and request.decisions.count() == 1
    with pytest.raises(WrongState, match="no approval"):
        actions.undo(request, reviewer=sarah)
    actions.decide(request, reviewer=sarah, verdict=Verdict.REJECTED, source=Source.CONSOLE)
    with pytest.raises(WrongState, match="final"):
        actions.undo(request, reviewer=sarah)
    assert facts(request) == ["decided", "undone", "decided"]


def test_after_the_release_it_is_too_late():
    request, sarah = make_request(), make_reviewer()
    approve(request, sarah)
    release_now(request)
    with pytest.raises(WrongState, match="too late"):
        actions.undo(request, reviewer=sarah)


def test_just_before_the_deadline_an_approval_takes_effect_at_once():
    request, sarah = make_request(), make_reviewer()
    GovernanceRequest.objects.update(deadline=timezone.now() + timedelta(seconds=9))
    approve(request, sarah)
    assert fresh(request).release_at is None and actions.claim_execution(request.pk)


def test_an_approval_that_is_overdue_before_its_release_never_runs():
    request, sarah = make_request(), make_reviewer()
    approve(request, sarah)
    overdue(fresh(request))
    assert actions.claim_execution(request.pk) is None
    assert fresh(request).status == Status.EXPIRED


def test_nobody_wakes_the_workflow_before_the_release():
    request, sarah = make_request(), make_reviewer()
    approve(request, sarah)
    event = OutboxEvent.objects.get(name="atlas/sarah.decision")
    assert event.not_before == fresh(request).release_at
    assert nudge(timezone.now() + timedelta(seconds=2)) == 0


# -- what is alike -----------------------------------------------------------------------------


def alike(count=2, *, risk=50, **more):
    arguments = more.pop("arguments", {"days": 7})
    return [make_request(agent=make_agent(), arguments=arguments, risk=risk, **more) for _ in range(count)]


@pytest.fixture
def careful(settings):
    settings.RISK_THRESHOLD = 10


@pytest.mark.usefixtures("careful")
def test_identical_calls_of_low_risk_are_decided_together():
    requests, sarah = alike(3), make_reviewer()
    actions.decide(requests[1], reviewer=make_reviewer(), verdict=Verdict.REJECTED, source=Source.CONSOLE)
    outcomes = actions.decide_alike(requests, reviewer=sarah, verdict=Verdict.APPROVED, source=Source.CONSOLE)
    assert [isinstance(outcome, AlreadyDecided) for _, outcome in outcomes] == [False, True, False]
    assert fresh(requests[0]).status == Status.APPROVED


@pytest.mark.usefixtures("careful")
def test_nothing_else_is_decided_together():
    one = alike(1)[0]
    for others, why in (
        (alike(1, arguments={"days": 8}), "exactly the same"), (alike(1, risk=70), "low risk"), ([], "from 2 to"),
        (alike(1, tool=make_tool("other")), "exactly the same"),
    ):
        assert why in actions.why_not_alike([one, *others])
    with pytest.raises(InvalidArguments):
        actions.decide_alike([one], reviewer=make_reviewer(), verdict=Verdict.APPROVED, source=Source.CONSOLE)


def test_the_agents_platform_is_told_that_a_call_was_edited(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    request, plain = make_request(), make_request()
    actions.set_agent_webhook(request.agent, "http://127.0.0.1:9/hook")
    approve(request, make_reviewer(), Source.API, arguments={"days": 7})
    approve(plain, make_reviewer(), Source.API)
    for each in (request, plain):
        Execution.objects.filter(pk=actions.claim_execution(each.pk).pk).update(returned_at=timezone.now(), result={})
        actions.record_outcome(each.pk)
    attempts = claim_deliveries(timezone.now(), most=10, full=[], room=lambda webhook: 10)
    told = {body["data"]["reference"]: body["data"] for body in (json.loads(each.body) for each in attempts)}
    assert told[request.reference]["edited"] is True and "edited" not in told[plain.reference]


def test_a_question_is_not_left_on_a_call_that_is_decided_meanwhile(monkeypatch):
    request, (first, second) = make_request(), (make_reviewer(), make_reviewer())

    def decided_after_the_look(_seen):
        actions.decide(request, reviewer=second, verdict=Verdict.REJECTED, reason="No.", source=Source.API)

    monkeypatch.setattr(import_module("governance.actions.ask"), "check_waiting", decided_after_the_look)
    with pytest.raises(WrongState, match="Somebody else was faster"):
        actions.ask(request, reviewer=first, text="Why now?")
    assert not request.questions.exists()
