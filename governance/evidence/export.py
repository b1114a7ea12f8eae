"""Evidence as JSON lines, oldest first, in bounded memory."""

import json
from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet

from governance.models import EvidenceEntry, Team, User

ROWS_AT_ONCE = 2000


def select_evidence(
    *, user: User | None = None, team: Team | None = None, reference: str | None = None,
    since: datetime | None = None, until: datetime | None = None,
) -> QuerySet[EvidenceEntry]:
    """The entries from `since` on and before `until`; with a user only those that this person may see."""
    entries = EvidenceEntry.objects.order_by("id")
    if user is not None:
        entries = entries.visible_to(user)
    if team is not None:
        entries = entries.filter(team=team)
    if reference is not None:
        entries = entries.filter(request__reference=reference)
    if since is not None:
        entries = entries.filter(at__gte=since)
    if until is not None:
        entries = entries.filter(at__lt=until)
    return entries


def evidence_lines(entries: QuerySet[EvidenceEntry]) -> Iterator[str]:
    """`{"id", "at", "team", "reference", "fact", "actor", "payload": {...}}` each, without a line end.

    `reference` is null for entries about agents, tokens and people. `payload` is stored as RFC 8785 text; its keys keep
    that order here, so that its digest can be computed from the line.
    """
    rows = entries.values_list("id", "at", "team__slug", "request__reference", "fact", "actor", "payload")
    for number, at, team, reference, fact, actor, payload in rows.iterator(chunk_size=ROWS_AT_ONCE):
        line = {
            "id": number, "at": at.isoformat(), "team": team, "reference": reference, "fact": fact, "actor": actor,
            "payload": json.loads(payload),
        }
        yield json.dumps(line, ensure_ascii=False, separators=(",", ":"))
