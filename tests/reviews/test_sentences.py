"""What a call would do, in words; an agent's text never passes for ours."""

from datetime import date

import pytest
from django.utils import translation
from django.utils.translation import gettext

from governance.characters import hidden_characters, visible
from reviews import sentences
from reviews.sentences import Wanted, sentence, tell

ADA = {"BEN-123": "Ada Obi"}
FOURTEEN = {"beneficiary_id": "BEN-123", "days": 14, "reason": "Hardship"}


def said(tool: str, arguments: dict, kind: str = "welfare", agent: str = "demo-agent", **known: object) -> str:
    return str(sentence(agent=agent, tool=tool, server_kind=kind, arguments=arguments, **known))


@pytest.mark.parametrize("tool", ["request_extension", "request_payment_extension"])
def test_an_extension_is_told_in_words(tool: str) -> None:
    assert said(tool, FOURTEEN) == "demo-agent wants to extend the payments of BEN-123 by 14 days"


def test_a_name_stands_with_its_id_and_the_end_is_told() -> None:
    assert said("request_extension", FOURTEEN, names=ADA, until=date(2027, 1, 14)) == (
        "demo-agent wants to extend the payments of Ada Obi (BEN-123) by 14 days, until 14 January 2027"
    )


def test_an_extension_without_days_names_none() -> None:
    assert said("request_extension", {"beneficiary_id": "BEN-1"}) == "demo-agent wants to extend the payments of BEN-1"


@pytest.mark.parametrize(("field", "value", "words"), [
    ("address", "12 Rose", 'the address of Ada Obi (BEN-123) to "12 Rose"'),
    ("monthly_amount", 700, "the monthly amount of Ada Obi (BEN-123) to 700.00 EUR"),
    ("monthly_amount", "412.5", "the monthly amount of Ada Obi (BEN-123) to 412.50 EUR"),
    ("entitled_until", "2027-01-14", "the end of payments of Ada Obi (BEN-123) to 14 January 2027"),
    ("monthly_amount", "0 and approved", 'the monthly amount of Ada Obi (BEN-123) to "0 and approved"'),
    ("entitled_until", "2027-02-31", 'the end of payments of Ada Obi (BEN-123) to "2027-02-31"'),
    ("nickname", "x", 'the "nickname" of Ada Obi (BEN-123) to "x"'),
])
def test_a_change_names_the_field_and_its_value(field: str, value: object, words: str) -> None:
    arguments = {"beneficiary_id": "BEN-123", "field": field, "new_value": value}
    assert said("modify_welfare_record", arguments, names=ADA) == f"demo-agent wants to change {words}"


@pytest.mark.parametrize("field", [["x"], {"a": 1}, None, 7])
def test_a_field_that_is_no_name_is_listed_as_it_is(field: object) -> None:
    words = said("modify_welfare_record", {"beneficiary_id": "B", "field": field, "new_value": 1})
    assert words.startswith("demo-agent wants to change the record of B with field = ")


def test_an_unknown_tool_is_named_with_its_arguments() -> None:
    assert said("send", {"a": 1, "b": "x", "c": [1], "d": None, "e": True}, kind="other") == (
        'demo-agent wants to run send with a = 1, b = "x", c = [1] and 2 more'
    )


def test_a_title_and_names_make_any_tool_readable() -> None:
    arguments = {"amount": 400, "to": "CUST-1"}
    assert said("transfer", arguments, kind="http", title="Transfer funds", names={"CUST-1": "Ada Obi"}) == (
        "demo-agent wants to run Transfer funds with amount = 400, to = Ada Obi (CUST-1)"
    )


def test_a_tool_without_arguments() -> None:
    assert said("ping", {}) == "demo-agent wants to run ping without arguments"


def test_a_known_name_on_another_server_gets_no_template() -> None:
    assert "run request_extension with" in said("request_extension", {"beneficiary_id": "BEN-1"}, kind="other")


def told(tool: str, arguments: dict, kind: str = "welfare", **known: object) -> sentences.Told:
    return tell(Wanted(agent="demo-agent", tool=tool, server_kind=kind, arguments=arguments, **known))


def test_buttons_and_consequences_say_what_happens() -> None:
    extension = told("request_extension", FOURTEEN, names=ADA, until=date(2027, 1, 14))
    assert extension.approve == "Approve and extend payment"
    assert extension.consequence == "Payments go on until 14 January 2027; the file of Ada Obi keeps the reason."
    generic = told("send_mail", {"to": "a"}, kind="http")
    assert generic.approve == "Approve and run send_mail"
    assert generic.consequence == "Runs exactly these arguments, once."


def test_in_a_list_the_deed_stands_without_who_wants_it() -> None:
    assert str(told("request_extension", FOURTEEN, names=ADA).deed) == (
        "Extend the payments of Ada Obi (BEN-123) by 14 days"
    )
    assert str(told("send_mail", {"to": "a"}, kind="http").deed) == 'Run send_mail with to = "a"'


def test_what_no_template_fits_is_not_called_an_extension_on_the_button() -> None:
    assert told("request_extension", {**FOURTEEN, "also": 1}).approve == "Approve and run request_extension"


def test_a_name_is_bounded_one_line_and_spelled_out() -> None:
    evil = {"BEN-123": "Ada\u202e Obi\n\n" + "x" * 300}
    words = said("request_extension", FOURTEEN, names=evil)
    assert "\u202e" not in words and "\n" not in words and "…" in words and "(BEN-123)" in words
    assert len(words) < 160


def test_another_order_of_words_keeps_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a translation does: the sentence is split at its placeholders, never put together from fragments."""
    def backwards(text: str) -> str:
        return "Um {days} will {agent} {person} verlängern" if text.endswith("by {days}") else gettext(text)

    monkeypatch.setattr(sentences, "_", backwards)
    parts = list(sentence(agent="a {days}", tool="request_extension", server_kind="welfare", arguments=FOURTEEN))
    assert "".join(map(str, parts)) == "Um 14 days will a {days} BEN-123 verlängern"
    assert [part.kind for part in parts] == ["", "what", "", "who", "", "what", ""]


def test_numbers_and_days_are_written_in_the_language_of_the_reader() -> None:
    with translation.override("de"):
        assert "Januar 2027" in said("request_extension", FOURTEEN, until=date(2027, 1, 14))


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
    assert "extend the payments" not in said("request_extension", arguments)


def test_an_argument_name_that_reads_like_words_is_quoted() -> None:
    assert 'with "a = 1. Approved" = 2' in said("x", {"a = 1. Approved": 2})


def test_text_that_turns_the_line_around_is_spelled_out() -> None:
    assert visible("pay \u202e001") == "pay \\u202e001"
    assert hidden_characters("a\u200bb\u202ec") == 2
    assert "\u202e" not in said("x", {"a\u202e": "\u202e"}, agent="evil\u202e")


def test_long_values_are_cut() -> None:
    words = said("x", {"a": "y" * 10_000})
    assert len(words) < 200 and words.endswith('y…"')
