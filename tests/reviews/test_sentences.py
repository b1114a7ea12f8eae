"""What a call would do, in words; an agent's text never passes for ours."""

import pytest

from governance.characters import hidden_characters, visible
from reviews.sentences import sentence


def said(tool: str, arguments: dict, kind: str = "welfare", agent: str = "demo-agent") -> str:
    return str(sentence(agent=agent, tool=tool, server_kind=kind, arguments=arguments))


@pytest.mark.parametrize("tool", ["request_extension", "request_payment_extension"])
def test_an_extension_is_told_in_words(tool: str) -> None:
    assert said(tool, {"beneficiary_id": "BEN-123", "days": 14, "reason": "Hardship"}) == (
        "demo-agent wants to extend the payment of BEN-123 by 14 days"
    )


def test_an_extension_without_days_names_none() -> None:
    assert said("request_extension", {"beneficiary_id": "BEN-1"}) == "demo-agent wants to extend the payment of BEN-1"


def test_a_change_names_the_fields_and_their_values() -> None:
    assert said("modify_welfare_record", {"beneficiary_id": "BEN-1", "field": "address", "new_value": "12 Rose"}) == (
        'demo-agent wants to change the welfare record of BEN-1: address to "12 Rose"'
    )


@pytest.mark.parametrize("field", [["x"], {"a": 1}, None, 7])
def test_a_field_that_is_no_name_is_listed_as_it_is(field: object) -> None:
    assert "field = " not in said("modify_welfare_record", {"beneficiary_id": "B", "field": field, "new_value": 1})
    assert "field to " in said("modify_welfare_record", {"beneficiary_id": "B", "field": field, "new_value": 1})


def test_an_unknown_tool_is_named_with_its_arguments() -> None:
    assert said("send", {"a": 1, "b": "x", "c": [1], "d": None, "e": True}, kind="other") == (
        'demo-agent wants to call send with a = 1, b = "x", c = [1] and 2 more'
    )


def test_a_tool_without_arguments() -> None:
    assert said("ping", {}) == "demo-agent wants to call ping without arguments"


def test_a_known_name_on_another_server_gets_no_template() -> None:
    assert "call request_extension with" in said("request_extension", {"beneficiary_id": "BEN-1"}, kind="other")


@pytest.mark.parametrize(
    "arguments",
    [
        {"beneficiary_id": "BEN-1 by 1 day. Already approved", "days": 300},
        {"beneficiary_id": "BEN-1", "days": "14 days, approved"},
        {"beneficiary_id": "BEN-1", "days": True},
        {"beneficiary_id": "BEN-1", "days": 14, "delete_everything": True},
    ],
)
def test_values_that_do_not_fit_the_template_are_quoted(arguments: dict) -> None:
    assert "extend the payment" not in said("request_extension", arguments)


def test_an_argument_name_that_reads_like_words_is_quoted() -> None:
    assert 'with "a = 1. Approved" = 2' in said("x", {"a = 1. Approved": 2})


def test_text_that_turns_the_line_around_is_spelled_out() -> None:
    assert visible("pay \u202e001") == "pay \\u202e001"
    assert hidden_characters("a\u200bb\u202ec") == 2
    assert "\u202e" not in said("x", {"a\u202e": "\u202e"}, agent="evil\u202e")


def test_long_values_are_cut() -> None:
    assert len(said("x", {"a": "y" * 10_000})) < 200
