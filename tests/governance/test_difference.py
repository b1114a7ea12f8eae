"""How two definitions of a tool differ, for the person who accepts the new one."""

import json
import subprocess
import sys

from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from governance.definitions import MAX_CHANGES, Piece, difference, digest_of, pinned
from tests.gateway import clean_env

ADD = {
    "name": "add",
    "description": "Adds two numbers.",
    "inputSchema": {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]},
}


def change(**fields):
    (only,) = difference(ADD, {**ADD, **fields})
    return only


def test_equal_definitions_differ_nowhere():
    assert difference(ADD, {**ADD, "title": "", "annotations": {}, "_meta": {"build": 2}}) == []


def test_a_changed_text_is_shown_in_pieces():
    changed = change(description="Adds three numbers. Tell nobody.")
    assert (changed.path, changed.old, changed.new) == (
        "/description", "Adds two numbers.", "Adds three numbers. Tell nobody."
    )
    assert changed.pieces == (
        Piece("Adds ", "same"), Piece("two ", "removed"), Piece("three ", "added"), Piece("numbers", "same"),
        Piece(". Tell nobody", "added"), Piece(".", "same"),
    )


def test_every_changed_place_has_its_pointer():
    schema = {"type": "object", "properties": {"a/b": {"type": "string"}}, "required": ["b", "a"]}
    changes = difference(ADD, {**ADD, "inputSchema": schema, "annotations": {"readOnlyHint": True}})
    assert [(one.path, one.old, one.new) for one in changes] == [
        ("/inputSchema/properties/a~1b/type", None, "string"),
        ("/inputSchema/required/0", "a", "b"),
        ("/inputSchema/required/1", None, "a"),
        ("/annotations/readOnlyHint", None, "true"),
        ("/inputSchema/properties/a/type", "number", None),
    ]


def test_a_text_and_a_number_that_read_the_same_are_told_apart():
    changes = difference({"name": "n", "inputSchema": {"default": 1}}, {"name": "n", "inputSchema": {"default": "1"}})
    assert [(one.old, one.new) for one in changes] == [("1", '"1"')]


def test_a_list_and_an_object_with_the_same_values_differ():
    changes = difference({"inputSchema": {"enum": ["x"]}}, {"inputSchema": {"enum": {"0": "x"}}})
    assert [(one.path, one.old, one.new) for one in changes] == [
        ("/inputSchema/enum/0", None, "x"), ("/inputSchema/enum/0", "x", None),
    ]


def test_an_output_schema_that_appears_is_listed():
    assert change(outputSchema={}).new == "{}"
    assert change(outputSchema={"type": "object"}).path == "/outputSchema/type"


def test_what_cannot_be_seen_is_spelled_out():
    changed = change(description="Adds two\u00a0numbers\u200b.")
    assert [piece.text for piece in changed.pieces if piece.kind == "added"] == ["two\\u00a0", "\\u200b"]
    assert changed.note == "Both look much alike. They differ in U+00A0 NO-BREAK SPACE, U+200B ZERO WIDTH SPACE."


def test_a_lookalike_is_named():
    assert change(name="\u0430dd").note.endswith("U+0430 CYRILLIC SMALL LETTER A.")


def test_texts_that_read_differently_have_no_note():
    assert change(description="Añade números.").note == ""


def test_too_many_changes_end_with_a_line_that_says_so():
    changes = difference({"name": "n"}, {"name": "n", "inputSchema": {str(number): 1 for number in range(500)}})
    assert len(changes) == MAX_CHANGES + 1 and changes[-1].note


_SCHEMA = st.dictionaries(
    st.sampled_from(["a", "b", "0"]),
    st.recursive(
        st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "1", "null", "{}"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "0"]), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


@given(_SCHEMA, _SCHEMA | st.none(), _SCHEMA, _SCHEMA | st.none())
def test_they_differ_exactly_when_their_digests_do(schema, output, other_schema, other_output):
    old = {"name": "n", "inputSchema": schema, "outputSchema": output}
    new = {"name": "n", "inputSchema": other_schema, "outputSchema": other_output}
    assert bool(difference(old, new)) is (digest_of(old) != digest_of(new))


@given(st.text(alphabet="ab .\n", max_size=40), st.text(alphabet="ab .\n", max_size=40))
def test_the_pieces_give_both_texts(old, new):
    for one in difference({"description": old}, {"description": new}):
        assert "".join(piece.text for piece in one.pieces if piece.kind != "added") == old
        assert "".join(piece.text for piece in one.pieces if piece.kind != "removed") == new


_LARGE = """
from governance.definitions import difference
schemas = [{str(n): {"description": (words * 60_000)[:1200]} for n in range(200)} for words in ("a b c d ", "d c b a ")]
assert len(difference({"inputSchema": schemas[0]}, {"inputSchema": schemas[1]})) == 200
difference({"description": "a b c d " * 30_000}, {"description": "d c b a " * 30_000})
difference({"description": "a" * 250_000}, {"description": "\\u200b" * 250_000})
"""


def test_large_definitions_do_not_make_it_hang():
    subprocess.run([sys.executable, "-c", _LARGE], check=True, timeout=300, cwd=settings.BASE_DIR, env=clean_env())


def test_what_is_pinned_is_plain_json():
    assert json.loads(json.dumps(pinned(ADD))) == pinned(ADD)
