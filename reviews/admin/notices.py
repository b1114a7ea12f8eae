"""What the first page of the admin says before anything else: what waits, what is halted, what is down."""

from typing import Any

from django.db.models import Model

from governance.models import Agent, Team, Tool, ToolServer, ToolVersion, User

MOST = 10  # of each; the lists have the rest
MOST_COUNTED = 1000


def count_waiting(user: User) -> int:
    """How many definitions of this person's teams wait; MOST_COUNTED stands for more."""
    return len(ToolVersion.objects.visible_to(user).pending().values_list("pk")[:MOST_COUNTED])


def notices(user: User) -> dict[str, Any]:
    """Of the teams that this person sees."""
    down = ToolServer.objects.visible_to(user).filter(enabled=True, halted_at=None).exclude(last_error="")
    return {
        "definitions_waiting": count_waiting(user), "definitions_most": MOST_COUNTED,
        "halted": [row for model in (Team, ToolServer, Tool, Agent) for row in _halted(model, user)],
        "servers_down": down.order_by("name")[:MOST],
    }


def _halted(model: type[Model], user: User) -> list[dict[str, Any]]:
    rows = model.objects.visible_to(user).filter(halted_at__isnull=False).order_by("-halted_at")[:MOST]
    page = f"admin:governance_{model._meta.model_name}_change"
    return [{"row": row, "what": model._meta.verbose_name, "page": page} for row in rows]
