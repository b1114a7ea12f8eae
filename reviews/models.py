"""Tables of the reviewers' side."""

from django.db import models


class SeenSignature(models.Model):
    """A signed webhook call that was accepted. Its unique key refuses the same bytes again, in every process."""

    digest = models.CharField(max_length=64, primary_key=True, help_text="The call's HMAC, hexadecimal.")
    # After that the timestamp alone refuses the call, and the row may go.
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest[:12]
