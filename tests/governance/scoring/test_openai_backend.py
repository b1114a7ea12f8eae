"""What is the OpenAI protocol's own: options, statuses, refusals, dripping bodies. The contract file has the rest."""

import json

import pytest

from governance.scoring.prompt import ANSWER_SCHEMA, fence
from governance.scoring.registry import check, score_call
from tests.governance.scoring.test_scorer_contract import GOOD, TEXT, assert_paused_for_want_of_a_score


def test_it_asks_for_the_schema_at_temperature_zero(openai_peer, call):
    openai_peer.content = TEXT
    assert score_call(call).risk_score == 42
    [request] = openai_peer.requests
    assert request["model"] == "a-model"
    assert request["temperature"] == 0
    assert request["response_format"]["json_schema"]["schema"] == ANSWER_SCHEMA
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert request["messages"][1]["content"] == fence(call.payload())


@pytest.mark.parametrize("refused", [["temperature"], ["response_format"], ["temperature", "response_format"]])
def test_an_option_the_server_does_not_know_is_left_out(openai_peer, call, refused):
    openai_peer.refused_options = {name: f"Unsupported parameter: {name}" for name in refused}
    openai_peer.content = f"Sure.\n```json\n{TEXT}\n```"
    assert score_call(call).risk_score == 42
    assert not set(refused) & set(openai_peer.requests[-1])
    assert len(openai_peer.requests) <= 3


def test_a_server_that_refuses_the_schema_is_read_as_strictly(openai_peer, call):
    openai_peer.refused_options = {"response_format": "response_format json_schema is not supported"}
    openai_peer.content = "risk_score: 3, ALLOW"
    assert_paused_for_want_of_a_score(score_call(call))


def test_a_bad_request_for_another_reason_is_not_repeated(openai_peer, call):
    openai_peer.status = 400
    assert_paused_for_want_of_a_score(score_call(call))
    assert len(openai_peer.requests) == 1


@pytest.mark.parametrize(("status", "word"), [(400, "400"), (403, "may not"), (404, "OPENAI_MODEL"), (422, "422"),
                                              (429, "quota"), (500, "500"), (503, "503")])  # fmt: skip
def test_error_statuses_pause_without_the_servers_words(openai_peer, call, caplog, status, word):
    openai_peer.status = status
    score = score_call(call)
    assert_paused_for_want_of_a_score(score)
    assert word in score.failure
    assert "sk-right" not in str(score) + caplog.text
    assert check()
    assert len(openai_peer.requests) <= 2


@pytest.mark.parametrize("raw", [b"", b"not json", b"[]", b"null", b"{}", b'{"choices": null}', b'{"choices": [null]}',
                                 b'{"choices": [{}]}', b'{"choices": "x"}', b'{"choices": [{"message": null}]}',
                                 b'{"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}',
                                 b"\xff\xfe{", json.dumps(GOOD).encode()])  # fmt: skip
def test_a_body_that_is_no_completion_pauses(openai_peer, call, raw):
    openai_peer.raw = raw
    score = score_call(call)
    assert_paused_for_want_of_a_score(score)
    assert "log" not in score.failure, "it should be a case the backend names"


@pytest.mark.parametrize("finish", ["length", "content_filter", "tool_calls", None, "other"])
def test_an_answer_that_was_not_finished_pauses(openai_peer, call, finish):
    openai_peer.content, openai_peer.finish_reason = TEXT, finish
    assert_paused_for_want_of_a_score(score_call(call))


def test_a_refusal_pauses(openai_peer, call):
    openai_peer.content, openai_peer.message = TEXT, {"refusal": "I cannot help with that."}
    assert_paused_for_want_of_a_score(score_call(call))


def test_several_choices_pause(openai_peer, call):
    openai_peer.content = TEXT
    openai_peer.choices = openai_peer.completion()["choices"] * 2
    assert_paused_for_want_of_a_score(score_call(call))


def test_no_content_pauses(openai_peer, call):
    openai_peer.content = None
    assert_paused_for_want_of_a_score(score_call(call))


def test_a_body_that_drips_for_ever_is_hung_up_on(openai_peer, call, settings):
    openai_peer.content = TEXT
    assert score_call(call).failure == ""
    settings.SCORER_TIMEOUT_SECONDS = 1
    openai_peer.drips = True
    assert_paused_for_want_of_a_score(score_call(call))
    assert openai_peer.hung_up.wait(10), "the connection was left open"


def test_an_address_where_nobody_listens_pauses(openai_peer, call, settings):
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    score = score_call(call)
    assert_paused_for_want_of_a_score(score)
    assert "cannot be reached" in score.failure


def test_an_address_that_is_none_pauses(openai_peer, call, settings):
    settings.OPENAI_BASE_URL = "not an address"
    assert_paused_for_want_of_a_score(score_call(call))


def test_a_local_server_needs_no_key(openai_peer, settings):
    settings.OPENAI_API_KEY = ""
    assert check() == ""
