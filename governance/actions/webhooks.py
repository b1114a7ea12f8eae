"""An agent's webhook: where it leads, its secret, on and off. Each act leaves its evidence.

Evidence names the receiver's host and not the whole address, which may hold what only the receiver should know.
"""

import base64
import secrets
import time
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance.actions.deliveries import SWITCHED_OFF, forget_webhooks, pending_deliveries
from governance.actions.moves import GATEWAY, record_administration, reviewer_actor, take_turn
from governance.addresses import check_url
from governance.errors import NotAllowed, WrongState
from governance.events import DELIVERIES, announce_work
from governance.models import Agent, AgentWebhook, Membership, Role, Team, User, WebhookDelivery
from governance.sealing import seal

REMOVE_TRIES, REMOVE_PAUSE_SECONDS = 100, 0.05
EQUIPPING_ROLES = (Role.OPERATOR, Role.ADMIN)


def set_agent_webhook(agent: Agent, url: str, *, by: User | None = None) -> str:
    """From now on the agent's outcomes are announced there; the signing secret in clear, which is shown only now.

    An address that there was is replaced, with its secret; what waits goes to the new one. Asks the resolver, so no
    transaction may be open. Raises InvalidArguments (an address nothing may be sent to) and NotAllowed.
    """
    _check_may_equip(by, agent.team)
    url = url.strip()
    check_url(url, allow_private=settings.WEBHOOKS_ALLOW_PRIVATE)
    secret, now = _new_secret(), timezone.now()
    with transaction.atomic():
        take_turn(agent.team_id)
        AgentWebhook.objects.update_or_create(
            agent=agent, defaults={"url": url, "sealed_secret": seal(secret), "enabled": True}
        )
        _record(agent, "agent webhook set", by, now, receiver=receiver_of(url))
        announce_work(DELIVERIES)
    return secret


def rotate_webhook_secret(webhook: AgentWebhook, *, by: User | None = None) -> str:
    """A new secret, in clear only now; every attempt from now on is signed with it. Raises NotAllowed."""
    _check_may_equip(by, webhook.agent.team)
    secret = _new_secret()
    with transaction.atomic():
        take_turn(webhook.agent.team_id)
        AgentWebhook.objects.filter(pk=webhook.pk).update(sealed_secret=seal(secret))
        _record(webhook.agent, "agent webhook secret replaced", by, timezone.now())
    return secret


def enable_webhook(webhook: AgentWebhook, *, by: User | None = None) -> bool:
    """Outcomes are announced again, from now on. False when they were already. Raises NotAllowed."""
    _check_may_equip(by, webhook.agent.team)
    with transaction.atomic():
        take_turn(webhook.agent.team_id)
        if AgentWebhook.objects.filter(pk=webhook.pk, enabled=False).update(enabled=True) != 1:
            return False
        _record(webhook.agent, "agent webhook switched on", by, timezone.now())
    return True


def disable_webhook(webhook: AgentWebhook, *, by: User | None = None, why: str = SWITCHED_OFF) -> bool:
    """Nothing is announced any more, and what waits is given up. False when it was off, or leads elsewhere by now.

    Raises NotAllowed.
    """
    _check_may_equip(by, webhook.agent.team)
    now = timezone.now()
    with transaction.atomic():
        take_turn(webhook.agent.team_id)
        if AgentWebhook.objects.filter(pk=webhook.pk, url=webhook.url, enabled=True).update(enabled=False) != 1:
            return False
        waiting = pending_deliveries().filter(webhook=webhook)
        # In the order in which mark_deliveries takes them.
        list(waiting.select_for_update(no_key=True).order_by("pk").values_list("pk"))
        waiting.update(failed_at=now, last_error=why)
        _record(webhook.agent, "agent webhook switched off", by, now, why=why)
    return True


def remove_webhook(webhook: AgentWebhook, *, by: User | None = None) -> bool:
    """The webhook, its secret and its delivery log. False when it was removed before.

    No transaction may be open. Raises NotAllowed, and WrongState when outcomes are being queued for it all the time.
    """
    disable_webhook(webhook, by=by)  # so that no outcome that comes from now on holds the row
    for _ in range(REMOVE_TRIES):
        removed = _remove_unheld(webhook, by)
        if removed is not None:
            return removed
        time.sleep(REMOVE_PAUSE_SECONDS)
    raise WrongState("Outcomes are being queued for this webhook. It is switched off; try again in a moment.")


def _remove_unheld(webhook: AgentWebhook, by: User | None) -> bool | None:
    """None when a move that is under way holds the row (see _held_webhooks).

    It is not waited for: that move may want the team's row next, which is locked here.
    """
    with transaction.atomic():
        take_turn(webhook.agent.team_id)
        rows = AgentWebhook.objects.filter(pk=webhook.pk)
        row = rows.select_for_update(skip_locked=True).first()
        if row is None:
            return None if rows.exists() else False
        row.delete()
        _record(webhook.agent, "agent webhook removed", by, timezone.now(), receiver=receiver_of(row.url))
    return True


def send_again(deliveries: Iterable[WebhookDelivery], *, by: User | None = None) -> int:
    """Starts these given-up deliveries anew, under their old ids; those of a webhook that is off stay. How many.

    Raises NotAllowed when one of them is another team's.
    """
    rows, now, again = list(deliveries), timezone.now(), 0
    for team in {row.webhook.agent.team for row in rows}:
        _check_may_equip(by, team)
    with transaction.atomic():
        take_turn(*{row.webhook.agent.team_id for row in rows})
        for row in sorted(rows, key=lambda row: row.pk):
            if WebhookDelivery.objects.filter(
                pk=row.pk, delivered_at=None, failed_at__isnull=False, webhook__enabled=True
            ).update(failed_at=None, attempts=0, not_before=now):
                again += 1
                _record(row.webhook.agent, "webhook delivery sent again", by, now, delivery=str(row.pk))
        announce_work(DELIVERIES)
    return again


def receiver_of(url: str) -> str:
    """`https://host:port` of a webhook's address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _new_secret() -> str:
    """As Standard Webhooks write one: 24 to 64 random bytes in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode('ascii')}"


def _check_may_equip(by: User | None, team: Team) -> None:
    if by is None or (by.is_active and by.is_superuser):
        return
    if not by.is_active or not Membership.objects.filter(user=by, team=team, role__in=EQUIPPING_ROLES).exists():
        raise NotAllowed(f"Only operators and admins of {team} may change the webhooks of its agents.")


def _record(agent: Agent, what: str, by: User | None, now: datetime, **payload: str) -> None:
    actor = reviewer_actor(by) if by else GATEWAY
    record_administration(agent.team, what, actor=actor, now=now, agent=agent.name, **payload)
    forget_webhooks()
