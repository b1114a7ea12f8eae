import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from governance import actions
from governance.errors import InvalidArguments, LimitExceeded, NotAllowed
from governance.models import GovernanceRequest, OutboxEvent
from governance.states import Status
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_tool, overdue

pytestmark = pytest.mark.django_db

CALL = {"beneficiary_id": "BEN-123", "days": 14}


def receive(agent=None, tool=None, arguments=CALL, **more):
    agent = agent or make_agent()
    return actions.receive(agent=agent, tool=tool or make_tool(team=agent.team), arguments=arguments, **more)


def test_a_call_becomes_a_request_bound_to_its_exact_arguments():
    request, created = receive(arguments={"days": 14.0, "beneficiary_id": "BEN-123"}, stated_reason="She asked")
    request.refresh_from_db()
    assert created and request.status == Status.RECEIVED
    assert re.fullmatch(r"evt_[0-9a-f]{16}", request.reference)
    assert request.arguments_json == '{"beneficiary_id":"BEN-123","days":14}'
    assert request.stated_reason == "She asked"


def test_request_event_history_and_evidence_are_written_together():
    request, _ = receive()
    event = OutboxEvent.objects.get(request=request)
    assert event.event_id == f"request:{request.pk}:requested:1"
    assert event.name == "atlas/tool.execution_requested"
    assert event.data == {"request_id": str(request.pk), "reference": request.reference}
    assert [(t.from_status, t.to_status) for t in request.transitions.all()] == [("", "received")]
    entry = request.evidence.get()
    assert entry.fact == "received"
    assert json.loads(entry.payload)["arguments_digest"] == request.arguments_digest


def test_the_deadline_follows_the_setting(settings):
    settings.DEADLINE_SECONDS = 60
    request, _ = receive()
    assert request.deadline == request.received_at + timedelta(seconds=60)


def test_the_same_call_while_one_is_open_gets_the_same_request():
    agent = make_agent()
    first, _ = receive(agent)
    again, created = receive(agent, arguments={"days": 14, "beneficiary_id": "BEN-123"})
    assert not created and again.pk == first.pk
    assert GovernanceRequest.objects.count() == 1 and OutboxEvent.objects.count() == 1


def test_other_arguments_another_tool_or_another_agent_make_another_request():
    agent = make_agent()
    receive(agent)
    receive(agent, arguments={**CALL, "days": 15})
    receive(agent, tool=make_tool("check_payment_status"))
    receive(make_agent())
    assert GovernanceRequest.objects.count() == 4


def test_the_same_call_after_the_first_has_ended_is_a_new_request():
    agent = make_agent()
    make_request(agent=agent, arguments=CALL, status=Status.DENIED)
    assert receive(agent)[1]


def test_the_same_call_after_the_deadline_is_a_new_request():
    agent = make_agent()
    old = overdue(make_request(agent=agent, arguments=CALL))
    new, created = receive(agent)
    old.refresh_from_db()
    assert created and new.pk != old.pk
    assert old.status == Status.EXPIRED


def test_a_halted_agent_is_refused_with_the_reason():
    agent = make_agent()
    actions.halt(agent, reason="odd behaviour", by=make_reviewer())
    with pytest.raises(NotAllowed, match="odd behaviour"):
        receive(agent)
    actions.resume(agent, reason="looked at", by=make_reviewer())
    assert receive(agent)[1]


def test_a_tool_of_another_team_or_a_disabled_one_is_refused():
    tool = make_tool()
    with pytest.raises(NotAllowed):
        receive(make_agent(team=make_team()), tool)
    tool.enabled = False
    tool.save()
    with pytest.raises(NotAllowed):
        receive(make_agent(), tool)


def test_open_requests_of_an_agent_are_limited(settings):
    settings.MAX_OPEN_REQUESTS_PER_AGENT = 2
    agent = make_agent()
    receive(agent, arguments={"n": 1})
    receive(agent, arguments={"n": 2})
    with pytest.raises(LimitExceeded, match="2 open requests"):
        receive(agent, arguments={"n": 3})
    assert not receive(agent, arguments={"n": 2})[1]  # a repeat is no new request
    assert receive(make_agent(), arguments={"n": 3})[1]


def test_arguments_that_do_not_fit_the_schema_are_refused_and_nothing_is_stored():
    schema = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}
    tool = make_tool("typed", input_schema=schema)
    with pytest.raises(InvalidArguments, match="'days' is a required property"):
        receive(tool=tool, arguments={})
    with pytest.raises(InvalidArguments, match="days: 'x' is not of type 'integer'"):
        receive(tool=tool, arguments={"days": "x"})
    assert not GovernanceRequest.objects.exists()


@pytest.mark.parametrize("schema", [{"type": 7}, {"$ref": "http://127.0.0.1:9/x.json"}, {"$ref": "#/nowhere"}])
def test_a_schema_that_cannot_be_used_refuses_the_call(schema):
    with pytest.raises(InvalidArguments, match="cannot be used"):
        receive(tool=make_tool("broken", input_schema=schema))


def test_reason_and_context_are_bounded():
    with pytest.raises(LimitExceeded, match="governance_reason"):
        receive(stated_reason="x" * 4_001)
    with pytest.raises(LimitExceeded, match="context"):
        receive(context={"text": "x" * 17_000})


@pytest.mark.parametrize("field", ["stated_reason", "intent"])
@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_words_that_no_database_takes_are_refused(field, text):
    with pytest.raises(InvalidArguments, match="NUL or half of a surrogate pair"):
        actions.receive(agent=make_agent(), tool=make_tool(), arguments={}, **{field: text})
    assert not GovernanceRequest.objects.exists()


def test_an_overdue_request_reads_as_not_waiting_before_anybody_swept():
    request = overdue(make_request())
    assert request.is_overdue and not request.is_waiting
    assert not GovernanceRequest.objects.waiting().exists()
    assert list(GovernanceRequest.objects.overdue(timezone.now())) == [request]
