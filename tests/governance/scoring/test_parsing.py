"""The strict parser, against anything. The contract file has the table of what every backend must refuse."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.scoring.base import PAUSE_FROM, BadAnswer
from governance.scoring.parsing import parse_answer
from tests.governance.scoring.test_scorer_contract import GOOD, UNPARSEABLE

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
fields = st.fixed_dictionaries({}, optional={
    "risk_score": st.integers(-5, 110) | json_values,
    "classification": st.sampled_from(["LOW_RISK", "MEDIUM_RISK", "HIGH_RISK"]) | json_values,
    "action": st.sampled_from(["ALLOW", "PAUSE"]) | json_values,
    "rationale": st.text(min_size=1) | json_values,
})  # fmt: skip


def is_one_clear_answer(value: object) -> bool:
    """The contract, said a second time and differently."""
    try:
        score, kind, action, why = (value[name] for name in ("risk_score", "classification", "action", "rationale"))
    except (TypeError, KeyError, IndexError):
        return False
    if isinstance(score, bool) or not isinstance(score, int | float) or score not in range(101):
        return False
    expected = "PAUSE" if score >= 70 else "ALLOW"
    kinds = {"ALLOW": ("LOW_RISK", "MEDIUM_RISK"), "PAUSE": ("MEDIUM_RISK", "HIGH_RISK")}
    if action != expected or not isinstance(kind, str) or kind not in kinds[expected]:
        return False
    return isinstance(why, str) and bool(why.strip())


@given(fields | json_values)
def test_an_object_is_an_answer_exactly_when_it_is_clear(value):
    if is_one_clear_answer(value):
        assert parse_answer(value).risk_score == value["risk_score"]
    else:
        with pytest.raises(BadAnswer):
            parse_answer(value)


@given(st.text() | st.text(alphabet='{}[]":,0123456789.eE-+ \\nulltrefas'))
def test_no_text_breaks_the_parser(text):
    with pytest.raises(BadAnswer):
        parse_answer(text)


@given(st.data())
def test_a_damaged_answer_is_refused_or_still_says_the_same(data):
    """Any one character taken out, doubled or replaced: never another score that would allow."""
    text = json.dumps({**GOOD, "risk_score": 93, "classification": "HIGH_RISK", "action": "PAUSE"})
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.sampled_from(["", text[at] * 2, "}", "{", '"', "0", ",", "\\"])) + text[at + 1:]
    try:
        score = parse_answer(damaged)
    except BadAnswer:
        return
    assert score.action == "PAUSE" and score.risk_score >= PAUSE_FROM


@given(st.integers(0, 100), st.booleans())
def test_whole_numbers_are_taken_however_they_are_written(number, as_float):
    high = number >= PAUSE_FROM
    value = {"risk_score": float(number) if as_float else number, "rationale": "r",
             "classification": "HIGH_RISK" if high else "LOW_RISK", "action": "PAUSE" if high else "ALLOW"}
    for answer in (value, json.dumps(value)):
        score = parse_answer(answer, scorer="s", version="v")
        assert (score.risk_score, type(score.risk_score), score.scorer, score.version) == (number, int, "s", "v")


def test_the_table_of_refused_answers_is_long():
    assert len(UNPARSEABLE) >= 30


def test_the_reason_never_repeats_the_answer():
    for text in UNPARSEABLE.values():
        with pytest.raises(BadAnswer) as refused:
            parse_answer(text.replace("Writes to one person.", "sk-secret"))
        assert "sk-secret" not in str(refused.value)
        assert len(str(refused.value)) < 200
