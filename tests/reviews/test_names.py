"""Names beside ids: from the welfare office's own table, and from what other servers said before."""

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.models import EntityName, GovernanceRequest
from governance.states import Status
from mcp_bridge.models.welfare import Beneficiary
from reviews.names import attach_names
from reviews.sentences import consequence, sentence_of
from reviews.terminal import written_out
from tests.definitions import defined, make_server, offer
from tests.factories import make_request

pytestmark = pytest.mark.django_db
CUSTOMERS = [{"pattern": "CUST-[0-9]+", "tool": "get_customer", "argument": "id", "name": "/name"}]


def named(*requests: GovernanceRequest) -> list[GovernanceRequest]:
    rows = list(GovernanceRequest.objects.with_parts().filter(pk__in=[row.pk for row in requests]).order_by("pk"))
    attach_names(rows)
    return rows


def refund(**arguments: object) -> GovernanceRequest:
    server = make_server(resolvers=CUSTOMERS)
    (tool,) = offer(server, defined("refund", input_schema={"type": "object"}), accept=True)
    tool.refresh_from_db()
    return make_request(tool=tool, arguments=arguments)


def test_the_sentence_says_who_and_until_when() -> None:
    ada = Beneficiary.objects.get(reference="BEN-123")
    (row,) = named(make_request(arguments={"beneficiary_id": "BEN-123", "days": 14, "reason": "x"}))
    assert row.names == {"BEN-123": "Ada Obi"}
    assert row.until == ada.entitled_until + timedelta(days=14)
    assert "the payments of Ada Obi (BEN-123) by 14 days, until " in str(sentence_of(row))


def test_an_id_as_the_agent_wrote_it_stays_as_it_wrote_it() -> None:
    (row,) = named(make_request(arguments={"beneficiary_id": "ben-123", "days": 14}))
    assert "Ada Obi (ben-123)" in str(sentence_of(row))


def test_nobody_foresees_what_would_be_refused_or_is_over() -> None:
    suspended, done = make_request(arguments={"beneficiary_id": "BEN-152", "days": 5}), make_request(
        arguments={"beneficiary_id": "BEN-123", "days": 5}, status=Status.SUCCEEDED
    )
    rows = {row.pk: row for row in named(suspended, done)}
    assert [rows[request.pk].until for request in (suspended, done)] == [None, None]
    assert "the office refuses this call" in consequence(rows[suspended.pk])
    assert not rows[done.pk].is_refused


def test_a_name_that_a_server_said_stands_in_any_sentence() -> None:
    request = refund(customer="CUST-7", deep={"also": ["CUST-8"]}, note="CUST-9 wrote")
    for value in ("CUST-7", "CUST-8", "CUST-9 wrote"):
        EntityName.objects.create(server=request.tool.server, value=value, name=f"Name of {value}")
    (row,) = named(request)
    assert row.names == {"CUST-7": "Name of CUST-7", "CUST-8": "Name of CUST-8"}
    assert "customer = Name of CUST-7 (CUST-7)" in str(sentence_of(row))


def test_a_name_of_another_server_is_not_taken() -> None:
    request = refund(customer="CUST-7")
    EntityName.objects.create(server=make_server("other"), value="CUST-7", name="Somebody else")
    assert named(request)[0].names == {}


def test_fifty_rows_take_as_many_queries_as_one(django_assert_num_queries) -> None:
    requests = [
        make_request(arguments={"beneficiary_id": f"BEN-{number}", "days": number % 40 + 1})
        for number in range(101, 151)
    ]
    requests.append(refund(customer="CUST-7"))
    rows = list(GovernanceRequest.objects.with_parts().filter(pk__in=[row.pk for row in requests]))
    with django_assert_num_queries(3):
        attach_names(rows)
    assert len([row for row in rows if row.names]) > 3


def test_rest_and_the_terminal_say_the_same_sentence(call) -> None:
    request = make_request(arguments={"beneficiary_id": "BEN-123", "days": 14, "reason": "x"})
    said = "wants to extend the payments of Ada Obi (BEN-123) by 14 days"
    (row,) = call("GET", "/api/requests/").json()["results"]
    assert said in row["sentence"] and said in call("GET", f"/api/requests/{request.reference}/").json()["sentence"]
    assert said in written_out(*named(request))


def test_resolvers_that_nobody_checked_break_no_page() -> None:
    request = refund(customer="CUST-7")
    type(request.tool.server).objects.update(resolvers=[{"pattern": "("}])
    assert named(request)[0].names == {}
    assert EntityName(value="x", looked_up_at=timezone.now()).name == ""
