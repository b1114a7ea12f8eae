"""The last step but one of a change of the encryption key (docs/operations.md)."""

from typing import Any

from governance.actions.rotate import rotate_secrets
from governance.management.base import Error, PlainCommand


class Command(PlainCommand):
    help = "Seals every stored secret anew with the first key of ATLAS_ENCRYPTION_KEYS. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        rotation = rotate_secrets()
        self.stdout.write(f"Sealed anew with the first key: {rotation.resealed}.")
        if rotation.unreadable:
            raise Error(
                f"None of the keys in ATLAS_ENCRYPTION_KEYS opens: {'; '.join(rotation.unreadable)}. These stay as "
                "they are: add the key they were sealed with and run this again, or enter their secrets anew."
            )
