"""The admin's sidebar: what people work with first, the machinery folded away at the end."""

from typing import Any

from django.http import HttpRequest

from reviews.admin.notices import count_waiting

# Title, and for each table its name in the address and its icon.
GROUPS = (
    ("Work", {
        "governancerequest": ("Requests", "inbox"), "toolversion": ("Definitions", "fact_check"),
    }),
    ("Tools and rules", {
        "toolserver": ("Tool servers", "dns"), "tool": ("Tools", "build"), "policyversion": ("Policies", "gavel"),
    }),
    ("Agents", {
        "agent": ("Agents", "smart_toy"), "agenttoken": ("Agent tokens", "key"),
        "agentwebhook": ("Webhooks", "webhook"), "webhookdelivery": ("Webhook deliveries", "outgoing_mail"),
    }),
    ("People", {
        "team": ("Teams", "groups"), "user": ("People", "person"), "membership": ("Memberships", "badge"),
        "apitoken": ("API tokens", "vpn_key"), "group": ("Groups", "shield_person"),
    }),
    ("Records", {
        "evidenceentry": ("Evidence", "verified"), "decision": ("Decisions", "how_to_vote"),
        "assessment": ("Assessments", "speed"), "transition": ("Transitions", "timeline"),
        "execution": ("Executions", "play_circle"),
    }),
)
REST, REST_ICON = "Machinery and built-in tools", "settings"


def sidebar(request: HttpRequest, apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Unfold's navigation of the tables in `apps` (Django's app list, which holds what this person may see)."""
    left = {model["model"]._meta.model_name: model for app in apps for model in app["models"]}
    groups = []
    for title, names in GROUPS:
        found = [(left.pop(name), *shown) for name, shown in names.items() if name in left]
        groups.append({"title": title, "items": [_item(request, *row) for row in found]})
    rest = [_item(request, model, str(model["name"]), REST_ICON) for model in left.values()]
    groups.append({"title": REST, "collapsible": True, "items": rest})
    return [group for group in groups if group["items"]]


def _item(request: HttpRequest, model: dict[str, Any], title: str, icon: str) -> dict[str, Any]:
    link = model["admin_url"] or ""
    item = {
        "title": title, "icon": icon, "link": link, "has_permission": True,
        "active": bool(link) and request.path.startswith(link),
    }
    if model["model"]._meta.model_name == "toolversion" and (waiting := count_waiting(request.user)):
        item |= {"badge": str(waiting), "badge_variant": "warning"}
    return item
