"""REST under /api/: what it shows, to whom, and how it refuses."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from governance import actions
from governance.actions import issue_agent_token, issue_api_token
from governance.models import Decision, GovernanceRequest, Tool
from governance.states import Status
from reviews import api, api_base, pagination
from tests.factories import make_agent, make_request, make_reviewer, make_team, make_tool, make_viewer
from tests.reviews.rest import error_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]


def references(response):
    assert response.status_code == 200, response.content
    return [row["reference"] for row in response.json()["results"]]


# -- lists -----------------------------------------------------------------------------------


def test_the_list_holds_what_the_caller_sees_newest_first(call):
    rows = [make_request(), make_request()]
    make_request(team=make_team("Elsewhere"))
    assert references(call("GET", "/api/requests/")) == [rows[1].reference, rows[0].reference]


def test_every_page_follows_the_one_before_without_gap_or_repetition(call):
    agent = make_agent()
    rows = [make_request(agent=agent, status=Status.RECEIVED) for _ in range(7)]
    GovernanceRequest.objects.update(received_at=rows[0].received_at)  # ties are broken by the id
    seen, url = [], "/api/requests/?limit=3"
    while url:
        response = call("GET", url)
        seen += references(response)
        url = response.json()["next"]
    assert len(seen) == 7 and set(seen) == {row.reference for row in rows}


# Who calls, of requests one's teams, the page's keys, its rows, of requests the names in them.
@pytest.mark.parametrize(("kind", "queries"), [("requests", 5), ("agents", 3)])
def test_a_page_of_fifty_takes_a_few_queries(call, django_assert_num_queries, kind, queries):
    for number in range(50):
        make_request(agent=make_agent(f"a{number}", owner=make_reviewer()), status=Status.RECEIVED)
    call("GET", f"/api/{kind}/?limit=1")  # notes the use of the token, once a minute
    with django_assert_num_queries(queries):
        response = call("GET", f"/api/{kind}/")
    assert len(response.json()["results"]) == 50


def test_filters_narrow_the_list_alone_and_together(call):
    agent, other = make_agent("a"), make_agent("b")
    tool = make_tool("check_payment_status")
    low = make_request(agent=agent, tool=tool, status=Status.SUCCEEDED, risk=10)
    high = make_request(agent=agent, risk=90)
    make_request(agent=other, risk=90)
    GovernanceRequest.objects.filter(pk=low.pk).update(received_at=timezone.now() - timedelta(days=2))
    yesterday = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query, wanted in (
        (f"agent={agent.pk}", {low, high}), ("tool=check_payment_status", {low}), ("status=succeeded", {low}),
        (f"agent={agent.pk}&status=in_review", {high}), (f"agent={agent.pk}&risk_min=50", {high}),
        ("risk_max=50", {low}), (f"received_until={yesterday}", {low}), ("risk_min=95", set()),
        (f"agent={agent.pk}&tool=check_payment_status&risk_max=10&received_until={yesterday}", {low}),
        (f"agent={agent.pk}&received_since={yesterday}", {high}),
    ):
        found = references(call("GET", f"/api/requests/?{query}"))
        assert set(found) == {row.reference for row in wanted}, query


def test_a_filter_without_an_index_looks_at_a_bounded_number_of_rows_a_page(call, monkeypatch):
    monkeypatch.setattr(pagination, "WINDOW", 3)
    agent = make_agent()
    rows = [make_request(agent=agent, risk=75 + number) for number in range(8)]
    found, pages, url = [], 0, "/api/requests/?risk_max=76&limit=5"
    while url:
        response = call("GET", url)
        found, pages, url = found + references(response), pages + 1, response.json()["next"]
    assert found == [rows[1].reference, rows[0].reference]
    assert 3 <= pages <= 4  # of 8 rows, 3 a page


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=asleep", "status"), ("agent=x", "agent"), ("agent=-1", "agent"), ("agent=9" + "9" * 30, "agent"),
        ("tool=%00", "tool"), ("tool=a%20b", "tool"), ("risk_min=x", "risk_min"), ("risk_min=-1", "risk_min"),
        ("risk_max=101", "risk_max"),
        ("risk_max=1e400", "risk_max"), ("received_since=soon", "received_since"),
        ("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("limit=%D9%A3", "limit"),
        ("stauts=denied", "stauts"), ("status=", "status"), ("cursor=", "cursor"),
        ("status=denied&status=expired", "status"),
    ],
)
def test_a_parameter_that_means_nothing_is_named(call, query, field):
    make_request()
    error = error_of(call("GET", f"/api/requests/?{query}"), 400)
    assert (error["code"], error["field"]) == ("invalid", field)


def test_agents_tools_and_pages_that_are_not_there_are_not_found(call):
    theirs = make_request(team=(other := make_team("Elsewhere")), tool=make_tool("hidden", team=other))
    for query in (
        f"agent={theirs.agent_id}", "agent=999999", "tool=hidden", "tool=nope", "cursor=x", "cursor=W10",
        "cursor=WyJhIiwiYiJd", "cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgIjAwIl0",
    ):
        assert error_of(call("GET", f"/api/requests/?{query}"), 404)["code"] == "not_found"


def test_the_ends_of_the_calendar_are_beyond_every_request(call):
    request = make_request()
    for query, wanted in (
        ("received_since=0001-01-01T00:00:00%2B14:00", [request.reference]),
        ("received_since=0060-02-06T10:26:32-16:41", [request.reference]),
        ("received_until=2999-02-06T10:26:32%2B23:59", [request.reference]),
        ("received_until=9999-12-31T23:59:59-14:00", [request.reference]),
        ("received_until=0001-01-01T00:00:00%2B14:00", []),
    ):
        assert references(call("GET", f"/api/requests/?{query}")) == wanted


# -- one request -----------------------------------------------------------------------------


def test_the_detail_tells_the_whole_story(call, sarah):
    request = make_request(
        status=Status.SUCCEEDED, reviewer=sarah, reason="Spoke to her.",
        arguments={"beneficiary_id": "BEN-1", "days": 3}, stated_reason="She asked.", intent="Help Ada",
        context={"case": [1, None]},
    )
    body = call("GET", f"/api/requests/{request.reference}/").json()
    assert body["arguments"] == {"beneficiary_id": "BEN-1", "days": 3}
    assert body["arguments_digest"] == request.arguments_digest
    assert (body["stated_reason"], body["intent"], body["context"]) == ("She asked.", "Help Ada", {"case": [1, None]})
    assert body["assessment"]["risk_score"] == 82
    assert sum(part["points"] for part in body["assessment"]["contributions"]) == 82
    assert [(d["verdict"], d["decided_by"], d["reason"]) for d in body["decisions"]] == [
        ("APPROVED", "sarah", "Spoke to her."),
    ]
    assert [t["to_status"] for t in body["transitions"]] == [
        "received", "scoring", "in_review", "approved", "executing", "succeeded",
    ]
    assert body["execution"]["result"]["content"] == [{"type": "text", "text": "Done."}]


def test_a_request_names_the_policy_version_and_the_rule(call):
    before = make_request()
    text = "version: 1\nrules:\n  - {name: pay-carefully, effect: review, when: {tool: 'request_*'}}\n"
    actions.activate_policy(actions.save_policy(before.team, text))
    ruled = make_request()
    found = {row["reference"]: row["policy"] for row in call("GET", "/api/requests/").json()["results"]}
    assert found == {
        before.reference: {"version": None, "rule": "default", "effect": "score", "threshold": 70},
        ruled.reference: {"version": 1, "rule": "pay-carefully", "effect": "review", "threshold": 70},
    }
    body = call("GET", f"/api/requests/{ruled.reference}/").json()
    assert body["policy"] == found[ruled.reference]
    assert body["tool_digest"] == ruled.tool.digest and len(body["tool_digest"]) == 64


def test_a_parked_request_says_which_halt_holds_it(call):
    request = make_request()
    assert call("GET", f"/api/requests/{request.reference}/").json()["parked"] == ""
    actions.halt(request.agent, reason="It repeats itself.")
    parked = f"The agent {request.agent} is halted: It repeats itself."
    assert call("GET", f"/api/requests/{request.reference}/").json()["parked"] == parked
    assert [row["parked"] for row in call("GET", "/api/requests/").json()["results"]] == [parked]
    error = error_of(decide(call, request, {"verdict": "APPROVED"}), 409)
    assert error["code"] == "wrong_state" and parked in error["message"]


def test_a_request_that_was_sent_back_is_decided_in_its_second_round(call, sarah):
    request = make_request(status=Status.APPROVED, reviewer=sarah)
    Tool.objects.filter(pk=request.tool_id).update(digest="e" * 64, offered_digest="e" * 64)
    assert actions.claim_execution(request.pk) is None  # its definition is another one by now
    assert decide(call, request, {"verdict": "REJECTED", "reason": "It changed."}).json()["round"] == 2
    body = call("GET", f"/api/requests/{request.reference}/").json()
    assert (body["round"], body["tool_digest"]) == (2, "e" * 64)
    assert [(d["round"], d["verdict"]) for d in body["decisions"]] == [(1, "APPROVED"), (2, "REJECTED")]


def test_what_is_not_there_yet_is_null(call):
    body = call("GET", f"/api/requests/{make_request(status=Status.RECEIVED).reference}/").json()
    assert (body["assessment"], body["execution"], body["decisions"], body["context"]) == (None, None, [], None)


def test_hidden_and_unknown_requests_are_alike(call):
    hidden = make_request(team=make_team("Elsewhere")).reference
    for reference in (hidden, "evt_0123456789abcdef"):
        for method, path in (("GET", ""), ("POST", "decide/")):
            error = error_of(call(method, f"/api/requests/{reference}/{path}", {"verdict": "APPROVED"}), 404)
            assert error == {"code": "not_found", "message": f"There is no request {reference} that you can see."}
    assert not Decision.objects.exists()


# -- decide ----------------------------------------------------------------------------------


def decide(call, request, body, **options):
    return call("POST", f"/api/requests/{request.reference}/decide/", body, **options)


def test_a_verdict_is_taken_once_and_repeated_without_harm(call, sarah):
    request = make_request()
    for _ in range(2):
        body = decide(call, request, {"verdict": "APPROVED", "reason": " Yes. "}).json()
        assert (body["verdict"], body["reason"], body["decided_by"], body["source"]) == (
            "APPROVED", "Yes.", "sarah", "api",
        )
    assert request.decisions.count() == 1


def test_a_second_reviewer_is_told_who_was_first(call):
    request = make_request(status=Status.DENIED, reviewer=make_reviewer("bob"))
    error = error_of(decide(call, request, {"verdict": "APPROVED"}), 409)
    assert error["code"] == "already_decided" and "rejected by bob at" in error["message"]


def test_what_does_not_wait_is_a_conflict(call):
    request = make_request(status=Status.EXPIRED)
    assert error_of(decide(call, request, {"verdict": "APPROVED"}), 409)["code"] == "wrong_state"


def test_owners_and_viewers_are_forbidden(call, sarah):
    own = make_request(agent=make_agent(owner=sarah))
    assert "You own this agent" in error_of(decide(call, own, {"verdict": "APPROVED"}), 403)["message"]
    viewer = issue_api_token(make_viewer())
    assert error_of(decide(call, make_request(), {"verdict": "APPROVED"}, by=viewer), 403)["code"] == "not_allowed"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "verdict"), ({"verdict": "approved"}, "verdict"), ({"verdict": None}, "verdict"),
        ({"verdict": 1}, "verdict"), ({"verdict": "APPROVED", "reason": 5}, "reason"),
        ({"verdict": "APPROVED", "reason": "a\x00"}, "reason"), ({"verdict": "APPROVED", "reason": "\ud800"}, "reason"),
        ({"verdict": "APPROVED", "reason": "x" * 4001}, "reason"), ({"verdict": "APPROVED", "resaon": "no"}, "resaon"),
        (b'{"verdict": "APPROVED", "verdict": "REJECTED"}', "verdict"),
        ([], ""), (b"{", ""), (b"", "verdict"), (b"[" * 50_000, ""), (b"\xff", ""),
    ],
)
def test_a_malformed_verdict_is_named(call, body, field):
    assert error_of(decide(call, make_request(), body), 400).get("field", "") == field
    assert not Decision.objects.exists()


def test_other_content_types_and_large_bodies_are_refused(call):
    request = make_request()
    assert error_of(decide(call, request, b"verdict=APPROVED", content_type="application/x-www-form-urlencoded"), 415)
    assert error_of(decide(call, request, b" " * 70_000), 413)["code"] == "too_large"


# -- agents ----------------------------------------------------------------------------------


def test_agents_of_ones_own_team(call, sarah):
    agent, theirs = make_agent("a", owner=sarah), make_agent("b", team=make_team("Elsewhere"))
    make_request(agent=agent)
    (row,) = call("GET", "/api/agents/").json()["results"]
    assert (row["name"], row["owner"], row["is_halted"]) == ("a", "sarah", False)
    assert call("GET", f"/api/agents/{agent.pk}/").json()["open_requests"] == 1
    assert error_of(call("GET", f"/api/agents/{theirs.pk}/"), 404)


# -- who calls -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/requests/", "/api/requests/evt_0123456789abcdef/", "/api/agents/"])
def test_nobody_agents_and_nonsense_are_refused(call, path):
    agent_token = issue_agent_token(make_agent())
    for by in (None, agent_token, "nonsense"):
        response = call("GET", path, by=by)
        assert error_of(response, 401)["code"] in ("not_authenticated", "authentication_failed")
        assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_session_reads_and_decides_only_with_its_csrf_token(sarah):
    request, client = make_request(), Client(enforce_csrf_checks=True)
    client.force_login(sarah)
    assert client.get("/api/requests/").status_code == 200
    path = f"/api/requests/{request.reference}/decide/"
    refused = client.post(path, {"verdict": "APPROVED"}, content_type="application/json")
    assert error_of(refused, 403) and not Decision.objects.exists()
    client.get("/queue/")
    token = client.cookies["csrftoken"].value
    taken = client.post(
        path, {"verdict": "APPROVED"}, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert taken.status_code == 200


def test_too_many_calls_are_told_when_to_go_on(call, monkeypatch):
    monkeypatch.setattr(api_base.ApiThrottle, "rate", "2/min")
    codes = [call("GET", "/api/agents/").status_code for _ in range(2)]
    response = call("GET", "/api/agents/")
    assert codes == [200, 200]
    assert error_of(response, 429)["code"] == "throttled" and int(response["Retry-After"]) >= 1


# -- one shape for every error ---------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/nothing/", "/api/requests/banana/", "/api/agents/x/", "/webhook/nothing"])
def test_unknown_addresses_answer_in_the_same_shape(path):
    assert error_of(Client().get(path), 404)["code"] == "not_found"


def test_unknown_methods_answer_in_the_same_shape(call):
    response = call("DELETE", "/api/requests/")
    assert error_of(response, 405)["code"] == "method_not_allowed"
    assert "GET" in response["Allow"]


def test_a_failure_inside_answers_in_the_same_shape_and_tells_nothing(call, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(api, "ranges", fails)
    client = Client(raise_request_exception=False)
    client.force_login(make_reviewer())
    response = client.get("/api/requests/")
    assert error_of(response, 500)["code"] == "internal" and b"hunter2" not in response.content


def test_accept_headers_do_not_matter(call):
    assert Client().get("/api/nothing/", headers={"Accept": "text/html"})["Content-Type"] == "application/json"
