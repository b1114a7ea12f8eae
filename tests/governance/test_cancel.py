"""cancel: an agent takes its own undecided call back."""

import pytest

from governance import actions
from governance.errors import NotAllowed, WrongState
from governance.states import Status
from tests.factories import make_agent, make_request

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.SCORING, Status.IN_REVIEW])
def test_an_undecided_call_is_cancelled(status):
    request = make_request(status=status)
    assert actions.cancel(request, agent=request.agent, reason="Not needed.").status == Status.CANCELLED
    assert request.transitions.last().actor == f"agent:{request.agent.name}"
    assert actions.cancel(request, agent=request.agent).status == Status.CANCELLED


@pytest.mark.parametrize("status", [Status.APPROVED, Status.EXECUTING, Status.SUCCEEDED, Status.DENIED, Status.EXPIRED])
def test_a_decided_call_cannot_be_called_back(status):
    request = make_request(status=status)
    with pytest.raises(WrongState, match="cannot be cancelled"):
        actions.cancel(request, agent=request.agent)


def test_another_agents_call_is_left_alone():
    with pytest.raises(NotAllowed):
        actions.cancel(make_request(), agent=make_agent())
