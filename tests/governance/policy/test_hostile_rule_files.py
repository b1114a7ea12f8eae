"""A rule file is text that somebody pasted: nothing in it may grow, hide or run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy import Policy, PolicyError, parse

START = "version: 1\nrules: []\n"


def message_of(text: str) -> str:
    with pytest.raises(PolicyError) as refused:
        parse(text)
    return str(refused.value)


@pytest.mark.parametrize(
    "line", ["defaults: &a {threshold: 3}", "defaults: *a", "<<: *a", "default: &b score", "&c default: score"]
)
def test_anchors_and_aliases_are_refused(line):
    assert message_of(START + line).startswith("line 3: anchors (&) and aliases (*) are not read")


@pytest.mark.parametrize("value", ["!!python/object/apply:os.system [id]", "!!str 5", "! x", "!x 5", "!!binary aGk="])
def test_tags_are_refused(value):
    assert message_of(START + f"default: {value}").startswith("line 3: tags (!) are not read")


@pytest.mark.parametrize("bracket", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused_before_it_is_built(bracket):
    assert "nested deeper than 8 levels" in message_of("rules: " + "[" * 8 + bracket * 10_000)


def test_a_mapping_as_a_key_is_refused():
    assert message_of(START + "? {a: b}\n: c") == "line 3: a key has to be a word"


@pytest.mark.parametrize("filler", ["#", "é", "😀"])
def test_a_large_file_is_refused(filler):
    room = 64 * 1024 - len(START) - 1
    fits = START + "#" + filler * (room // len(filler.encode()))
    assert parse(fits) == Policy()
    assert "takes more than 65,536 bytes" in message_of(fits + filler)


@pytest.mark.parametrize(
    "char", ["\u200b", "\u200d", "\u202e", "\u2066", "\U000e0041", "\u2028", "\x85", "\ufeff", "\u00ad", "\ud800"]
)
def test_hidden_characters_are_refused_with_their_line(char):
    assert message_of(f"{START}# a{char}b").startswith(f"line 3: a hidden character, U+{ord(char):04X}")


def test_a_line_that_only_some_programs_break_is_refused():
    assert message_of(START + "# note\rdefault: review\n").startswith("line 3: a hidden character, U+000D")


@pytest.mark.parametrize("char", ["\0", "\x07", "\x1b"])
def test_control_characters_are_refused_with_their_line(char):
    assert message_of(f"{START}# a{char}b").startswith("line 3: ")


@pytest.mark.parametrize("escape", ["\\0", "\\ud800", "\\uDFFF"])
def test_escapes_for_what_no_text_can_hold_are_refused(escape):
    assert message_of(f'{START}"a{escape}": 1').startswith("line 3: an escape for a character that no text can hold")


@pytest.mark.parametrize("line", ['"\\UFFFFFFFF": 1', '"\\U00110000": 1'])
def test_escapes_beyond_the_last_character_are_refused(line):
    assert message_of(START + line) == "line 3: this is no YAML: a number is too large"


def test_a_directive_with_an_endless_number_is_refused():
    assert message_of(f"%YAML 1.{'9' * 5000}\n---\nversion: 1") == "line 1: this is no YAML: a number is too large"


def test_a_byte_order_mark_and_windows_line_ends_are_read():
    assert parse("\ufeffversion: 1\r\nrules: []\r\n") == Policy()


def test_messages_do_not_repeat_what_cannot_be_seen():
    assert "a\\u{202e}b" in message_of(START + '"a\\u202eb": 1')


pieces = st.sampled_from(
    ["version: 1\n", "rules:\n", "- ", "  ", "name: a\n", "effect: allow\n", "when: ", "{", "}", "[", "]", "tool: ",
     ", ", "'*'", "arguments: ", "amount: ", "more: 5", "matches: ", "'(a*)*'", "&a", "*a", "!", "|\n", ">\n", "? ",
     ": ", "\n", "\t", "#", "---\n", "%YAML 1.1\n", '"', "\\", "defaults: ", "deadline: 5m\n", "\r\n", "0o7"]
)  # fmt: skip


@given(st.text() | st.lists(pieces, max_size=40).map("".join))
def test_any_text_is_a_policy_or_refused(text):
    try:
        assert isinstance(parse(text), Policy)
    except PolicyError as refused:
        assert refused.problems
        lines = len(text.splitlines()) + 1
        assert all(1 <= problem.line <= lines and problem.message for problem in refused.problems)
