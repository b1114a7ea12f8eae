import json

import pytest

from governance.canonical import MAX_ARGUMENTS_BYTES, MAX_DEPTH, bound_arguments, bound_context, canonical, digest
from governance.errors import InvalidArguments, LimitExceeded


def test_the_order_of_keys_and_the_spelling_of_numbers_do_not_change_the_digest():
    one = bound_arguments({"b": 1.0, "a": "é"})
    other = bound_arguments({"a": "\u00e9", "b": 1})
    assert one == other
    assert one[0] == '{"a":"é","b":1}'


def test_different_arguments_have_different_digests():
    assert bound_arguments({"days": 14})[1] != bound_arguments({"days": "14"})[1]
    assert bound_arguments({"days": True})[1] != bound_arguments({"days": 1})[1]


def test_the_digest_is_the_sha256_of_the_canonical_text():
    assert digest("{}") == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("value", [2**53, float("nan"), float("inf"), "\ud800", {"\udc00": 1}])
def test_what_json_cannot_carry_exactly_is_refused(value):
    with pytest.raises(InvalidArguments):
        canonical({"value": value})


def nested(levels: int) -> dict:
    value: dict = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


def test_arguments_may_be_nested_up_to_the_limit_and_no_deeper():
    bound_arguments(nested(MAX_DEPTH))
    with pytest.raises(LimitExceeded, match="32 levels"):
        bound_arguments(nested(MAX_DEPTH + 1))


def test_absurd_nesting_is_refused_without_exhausting_the_stack():
    value: list = []
    for _ in range(200_000):
        value = [value]
    with pytest.raises(LimitExceeded):
        bound_arguments({"value": value})


def test_arguments_may_take_256_kib_and_no_more():
    overhead = len(json.dumps({"text": ""}, separators=(",", ":")))
    bound_arguments({"text": "x" * (MAX_ARGUMENTS_BYTES - overhead)})
    with pytest.raises(LimitExceeded, match="262,144"):
        bound_arguments({"text": "x" * (MAX_ARGUMENTS_BYTES - overhead + 1)})


def test_the_size_counts_bytes_not_characters():
    with pytest.raises(LimitExceeded):
        bound_arguments({"text": "é" * (MAX_ARGUMENTS_BYTES // 2)})


def test_context_has_its_own_limit():
    assert bound_context(None) == ""
    assert bound_context({"user": "Ada"}) == '{"user":"Ada"}'
    with pytest.raises(LimitExceeded, match="16,384"):
        bound_context("x" * 16_384)
