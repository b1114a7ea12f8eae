"""Secrets at rest: sealed with the first key, opened with any, and never shown by a failure."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import Unreadable
from governance.sealing import reseal, seal, unseal

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_what_was_sealed_is_unsealed(text):
    assert unseal(seal(text)) == text


def test_two_seals_of_one_text_differ_and_show_nothing_of_it():
    one, other = seal("Bearer abcdefgh"), seal("Bearer abcdefgh")
    assert one != other
    assert "abcdefgh" not in one and one.isascii()


def test_a_value_sealed_with_the_former_key_still_opens(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    token = seal("s3cret")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert unseal(token) == "s3cret"


def test_the_first_key_seals(settings):
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    token = seal("s3cret")
    settings.ENCRYPTION_KEYS = [NEW]
    assert unseal(token) == "s3cret"


def test_a_resealed_value_needs_the_former_key_no_more(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    token = seal("s3cret")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    again = reseal(token)
    settings.ENCRYPTION_KEYS = [NEW]
    assert unseal(again) == "s3cret"
    with pytest.raises(Unreadable):
        unseal(token)


@pytest.mark.parametrize("open_it", [unseal, reseal])
@pytest.mark.parametrize("broken", [
    "", "no token", "Bearer s3cret-value", "gAAAAA" + "A" * 100,
    pytest.param(Fernet(OLD).encrypt(b"s3cret-value").decode(), id="sealed with another key"), "é",
])
def test_a_foreign_or_damaged_value_names_the_variable_and_shows_nothing(settings, open_it, broken):
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(Unreadable, match="ATLAS_ENCRYPTION_KEYS") as raised:
        open_it(broken)
    assert raised.value.__cause__ is None
    assert not broken or broken not in str(raised.value)


def test_a_changed_byte_is_noticed():
    token = seal("s3cret")
    place = len(token) // 2
    changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    with pytest.raises(Unreadable):
        unseal(changed)
