"""The embedded executor's `if`: compiled strictly, and found by its key among many waits."""

import pytest

from governance.workflow.embedded.expressions import ExpressionError, compile_expression, keys_of
from tests.governance.workflow.if_cases import CASES


@pytest.mark.parametrize(("expression", "triggering", "arriving", "expected"), CASES)
def test_a_case(expression: str, triggering: dict, arriving: dict, expected: bool) -> None:
    event, arrived = {"data": triggering}, {"data": arriving}
    compiled = compile_expression(expression)
    assert compiled.matches(event=event, arrived=arrived) is expected
    if expected:
        assert compiled.match_key(event) in keys_of(arrived)


@pytest.mark.parametrize("expression", [
    "async", "async.data.k", "event.data.k == ", "async.data.k = 1", "async.data.k == 1 || true", "async.data.k > 1",
    "!(async.data.k == 1)", "other.k == 1", "async.data.k == 1 &&", "(async.data.k == 1", "async.data.k == 'a",
    "async.data[0] == 1", "async..k == 1", "async.data.k == [1]", "size(async.data.k) == 1", "async.data.k == 1 2",
    "async.data.k == 12abc", r"async.data.k == '\q'", "async.data.k == 1; drop", "x" * 3000, "async.data.k == 'a\nb'",
])
def test_what_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(expression)


@pytest.mark.parametrize("expression", [
    "(async.data.k == 1)", "(async.data.k == 1 && async.data.l == 2)", "async.data['k'] == 1", "1 == async.data.k",
    " async.data.k==1 ", r"async.data.k == 1 && async.data.q != 'it\'s'", "async.data.k == 1e0",
])
def test_other_ways_to_write_it(expression: str) -> None:
    assert compile_expression(expression).matches(event={}, arrived={"data": {"k": 1, "l": 2}})


def test_the_key_of_a_wait_names_one_value_the_event_must_have() -> None:
    event = {"data": {"request_id": "r1", "long": "x" * 200, "n": 1}}
    assert compile_expression("async.data.request_id == event.data.request_id").match_key(event) == "data.request_id=r1"
    assert compile_expression("async.data.n == event.data.n").match_key(event) == ""
    assert compile_expression("async.data.long == event.data.long").match_key(event) == ""
    assert compile_expression("async.data.a != 'b'").match_key(event) == ""
    assert compile_expression("").match_key(event) == ""
