"""Secrets at rest: sealed with Fernet (AES-128-CBC, HMAC-SHA256) under the keys of ATLAS_ENCRYPTION_KEYS.

The first key seals and every key opens: put a new key in front, seal everything anew (`manage.py rotate_secrets`), drop
the old key (docs/operations.md). A sealed text does not say which row it belongs to: whoever writes the database could
swap two, but neither read nor make one.
"""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from governance.errors import Unreadable


def seal(text: str) -> str:
    """The sealed form, in ASCII; two of the same text differ."""
    return _keys().encrypt(text.encode("utf-8")).decode("ascii")


def unseal(token: str) -> str:
    """What was sealed. Raises Unreadable when no key opens it or it was altered."""
    try:
        return _keys().decrypt(token.encode("utf-8")).decode("utf-8")
    except InvalidToken:
        raise _unreadable() from None


def reseal(token: str) -> str:
    """The same secret sealed with the first key. Raises Unreadable as `unseal` does."""
    try:
        return _keys().rotate(token.encode("utf-8")).decode("ascii")
    except InvalidToken:
        raise _unreadable() from None


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])


def _unreadable() -> Unreadable:
    return Unreadable(
        "A sealed secret cannot be opened: none of the keys in ATLAS_ENCRYPTION_KEYS sealed it, or it was altered. "
        "Add the key it was sealed with, or enter the secret anew."
    )
