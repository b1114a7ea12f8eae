"""Bearer tokens: shown once, stored as a SHA-256. 256 random bits need no slow hash."""

import hashlib
import secrets
from datetime import datetime
from typing import Self

from django.db import models
from django.utils import timezone


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class TokenQuerySet(models.QuerySet):
    def usable(self, token: str) -> Self:
        """The live rows of this token (one or none)."""
        now = timezone.now()
        return self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=now), sha256=hash_token(token), revoked_at=None
        )


class BearerToken(models.Model):
    KIND = ""  # what the token starts with, so that a leaked one can be recognised

    prefix = models.CharField(max_length=24, unique=True, help_text="The readable start of the token.")
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @classmethod
    def issue(cls, **fields: object) -> tuple[Self, str]:
        """Makes a row and the token in clear; the clear text exists nowhere else."""
        token = f"{cls.KIND}_{secrets.token_urlsafe(32)}"
        row = cls.objects.create(prefix=token[: len(cls.KIND) + 9], sha256=hash_token(token), **fields)
        return row, token

    def is_usable(self, now: datetime | None = None) -> bool:
        now = now or timezone.now()
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
