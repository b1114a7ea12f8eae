"""All sealed secrets, sealed anew with the first key of ATLAS_ENCRYPTION_KEYS."""

from collections import Counter
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from governance.actions.moves import GATEWAY, record_administration
from governance.errors import Unreadable
from governance.models import AgentWebhook, Team, ToolServer
from governance.sealing import reseal

# Every field that holds a sealed text, with the way to its team.
SEALED_FIELDS = ((ToolServer, "sealed", "team"), (AgentWebhook, "sealed_secret", "agent__team"))


@dataclass(frozen=True)
class Rotation:
    """How many values were sealed anew, and the rows whose value no key opens; those stay as they are."""

    resealed: int
    unreadable: tuple[str, ...]


def rotate_secrets() -> Rotation:
    """Seals every value anew. Safe to repeat, and while everything runs: a value that changes meanwhile is not lost."""
    resealed: Counter[int] = Counter()
    unreadable = []
    for model, field, team in SEALED_FIELDS:
        for pk, team_id in model.objects.exclude(**{field: ""}).order_by("pk").values_list("pk", team).iterator():
            try:
                resealed[team_id] += _rotate(model, field, pk)
            except Unreadable:
                unreadable.append(f"{model._meta.verbose_name} {model.objects.get(pk=pk)} (id {pk})")
    _record(resealed)
    return Rotation(resealed.total(), tuple(unreadable))


def _rotate(model: type[ToolServer | AgentWebhook], field: str, pk: int) -> bool:
    """Whether there was something to seal. Tries again when somebody replaced the value in between."""
    while token := model.objects.filter(pk=pk).values_list(field, flat=True).first():
        if model.objects.filter(pk=pk, **{field: token}).update(**{field: reseal(token)}):
            return True
    return False


def _record(resealed: Counter[int]) -> None:
    now = timezone.now()
    for team in Team.objects.filter(pk__in=[team_id for team_id, count in resealed.items() if count]).order_by("pk"):
        with transaction.atomic():
            record_administration(team, "secrets sealed anew", actor=GATEWAY, now=now, count=resealed[team.pk])
