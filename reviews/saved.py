"""Saved views: filters of the queue or the history that a person gave a name. Only filters, never a page mark."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from governance.errors import InvalidArguments, LimitExceeded
from governance.models import User
from reviews import queries
from reviews.facets import Look
from reviews.models import SavedView
from reviews.narrowing import Narrowing

MAX_VIEWS = 30  # of one person, of both pages
MAX_NAME_CHARS = 60
MAX_QUERY_CHARS = 1_000
HISTORY_FILTERS = (
    "q", "status", "agent", "tool", "risk_from", "risk_to", "received_from", "received_to", "decided_by",
)


@dataclass(frozen=True)
class Tab:
    label: str
    address: str
    count: str = ""
    is_current: bool = False
    pk: int | None = None


def filters_in(page: str, query: QueryDict) -> str:
    """The filters of an address, in one order; the same filters give the same text."""
    if page == "queue":
        sort = query.get("sort", "")
        order = {"sort": sort} if sort in queries.QUEUE_ORDERS and sort != "risk" else {}
        return urlencode({**Narrowing.read(query).parameters(), **order})
    given = [(name, value) for name in HISTORY_FILTERS for value in sorted(set(query.getlist(name))) if value]
    return urlencode(given)


def tabs_of(user: User, page: str, query: QueryDict, seen: Look | None = None) -> list[Tab]:
    """Everything, then this person's views. `seen` counts them."""
    now = filters_in(page, query)
    views = SavedView.objects.filter(user=user, page=page)[:MAX_VIEWS]
    tabs = [Tab(_("All"), reverse(page), _count(seen, ""), is_current=not now)]
    return tabs + [
        Tab(view.name, f"{reverse(page)}?{view.query}", _count(seen, view.query), view.query == now, view.pk)
        for view in views
    ]


def _count(seen: Look | None, query: str) -> str:
    return seen.count(Narrowing.read(QueryDict(query))) if seen else ""


def save_view(user: User, *, page: str, name: str, query: QueryDict) -> SavedView:
    """The view, new or with its filters replaced. Raises InvalidArguments and LimitExceeded."""
    name, filters = _name(name), filters_in(page, query)
    if not filters:
        raise InvalidArguments(_("Choose a filter or an order first; then save it as a view."))
    if len(filters) > MAX_QUERY_CHARS:
        raise InvalidArguments(_("These filters are too long to be saved."))
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two tabs of one person do not pass the limit together
        views = SavedView.objects.filter(user=user)
        is_new = not views.filter(page=page, name=name).exists()
        if is_new and views.count() >= MAX_VIEWS:
            raise LimitExceeded(_("You have %(limit)d views. Delete one first.") % {"limit": MAX_VIEWS})
        view, _made = views.update_or_create(user=user, page=page, name=name, defaults={"query": filters})
    return view


def rename_view(view: SavedView, *, name: str) -> None:
    """Raises InvalidArguments."""
    view.name = _name(name)
    try:
        with transaction.atomic():
            view.save(update_fields=["name"])
    except IntegrityError:
        raise InvalidArguments(_("You have a view of this name already.")) from None


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise InvalidArguments(_("Give it a name of 1 to %(limit)d characters.") % {"limit": MAX_NAME_CHARS})
    return name
