"""save_policy and activate_policy: rule files are kept as versions; activating one is a recorded act of its own."""

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from governance.actions.moves import GATEWAY, record_administration, reviewer_actor, take_turn
from governance.canonical import digest
from governance.models import PolicyVersion, Team, User
from governance.policy import parse


def save_policy(team: Team, text: str, *, note: str = "", by: User | None = None) -> PolicyVersion:
    """The version with this text: a new one, or the newest when it says the same. Nothing is activated.

    Raises PolicyError with every line that is wrong.
    """
    parse(text)
    now = timezone.now()
    with transaction.atomic():
        take_turn(team.pk)  # numbers are given one after another
        newest = team.policies.order_by("-number").first()
        if newest is not None and newest.text == text:
            return newest
        number = (team.policies.aggregate(Max("number"))["number__max"] or 0) + 1
        version = PolicyVersion.objects.create(
            team=team, number=number, text=text, digest=digest(text), note=note.strip()[:200], created_by=by,
            created_at=now,
        )
        record_administration(
            team, "policy saved", actor=_actor(by), now=now, number=number, policy_digest=version.digest,
            note=version.note,
        )
    return version


def activate_policy(version: PolicyVersion, *, by: User | None = None) -> bool:
    """Makes this version decide about every further call. False when it does so already. Raises PolicyError."""
    parse(version.text)
    now = timezone.now()
    with transaction.atomic():
        take_turn(version.team_id)
        before = PolicyVersion.objects.filter(team_id=version.team_id, active=True).first()
        if before is not None and before.pk == version.pk:
            return False
        PolicyVersion.objects.filter(team_id=version.team_id, active=True).update(active=False)
        PolicyVersion.objects.filter(pk=version.pk).update(active=True, activated_by=by, activated_at=now)
        record_administration(
            version.team, "policy activated", actor=_actor(by), now=now, number=version.number,
            policy_digest=version.digest, before=before.number if before else 0,
        )
    version.active, version.activated_by, version.activated_at = True, by, now
    return True


def _actor(by: User | None) -> str:
    return reviewer_actor(by) if by else GATEWAY
