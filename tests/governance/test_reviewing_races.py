"""Two people at one case at once, and people against the workflow: exactly one wins, whichever."""

import threading
from functools import partial

import pytest

from governance import actions
from governance.errors import WrongState
from governance.models import Decision, Execution, GovernanceRequest, Question
from governance.models.decisions import Source
from governance.states import Status, Verdict
from tests.factories import make_request, make_reviewer
from tests.governance.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 6


@pytest.fixture(autouse=True)
def _long_enough(settings):
    """An undo in time on any machine."""
    settings.UNDO_SECONDS = 60


def approve(request, reviewer):
    return actions.decide(request, reviewer=reviewer, verdict=Verdict.APPROVED, source=Source.CONSOLE)


def test_of_two_who_claim_one_has_it():
    sarah, tom = make_reviewer(), make_reviewer()
    for _ in range(ROUNDS):
        request = make_request()
        found = at_once(*(partial(actions.claim, request, reviewer=person) for person in (sarah, tom)))
        assert sorted(isinstance(each, WrongState) for each in found) == [False, True]
        request.refresh_from_db()
        assert request.claimant == (tom if isinstance(found[0], WrongState) else sarah)
        assert request.evidence.filter(fact="claimed").count() == 1


def test_two_pages_of_one_person_both_claim():
    sarah = make_reviewer()
    for _ in range(ROUNDS):
        request = make_request()
        found = at_once(*[partial(actions.claim, request, reviewer=sarah)] * 2)
        assert all(isinstance(each, GovernanceRequest) for each in found)


def test_of_two_who_ask_one_asks():
    sarah, tom = make_reviewer(), make_reviewer()
    for _ in range(ROUNDS):
        request = make_request()
        found = at_once(*(partial(actions.ask, request, reviewer=person, text="Why?") for person in (sarah, tom)))
        assert sorted(isinstance(each, WrongState) for each in found) == [False, True]
        assert Question.objects.filter(request=request).count() == 1


def test_a_case_is_decided_by_its_reader_or_handed_over():
    sarah, tom = make_reviewer(), make_reviewer()
    for _ in range(ROUNDS):
        request = make_request()
        decided, handed = at_once(
            partial(approve, request, tom), partial(actions.hand_over, request, reviewer=sarah, to=make_reviewer())
        )
        assert isinstance(decided, WrongState) is not isinstance(handed, WrongState)
        assert Decision.objects.filter(request=request).exists() is isinstance(decided, Decision)


def test_around_its_release_exactly_one_of_undo_and_run_wins(monkeypatch):
    """Undo still sees the time for it, the workflow does not any more."""
    sarah = make_reviewer()
    monkeypatch.setattr("governance.actions.execute.GovernanceRequest.is_undoable", property(_seen_by))
    for _ in range(ROUNDS):
        request = make_request()
        approve(request, sarah)
        undone, claimed = at_once(
            partial(actions.undo, request, reviewer=sarah), partial(_claim_as_workflow, request.pk)
        )
        request.refresh_from_db()
        ran = isinstance(claimed, Execution)
        assert ran is isinstance(undone, WrongState)
        assert request.status == (Status.EXECUTING if ran else Status.IN_REVIEW)
        assert Execution.objects.filter(request=request).exists() is ran


_workflow: set[int] = set()


def _seen_by(request):
    return request.status == Status.APPROVED and threading.get_ident() not in _workflow


def _claim_as_workflow(pk):
    _workflow.add(threading.get_ident())
    try:
        return actions.claim_execution(pk)
    finally:
        _workflow.discard(threading.get_ident())
