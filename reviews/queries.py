"""What the lists of the console read. Every query here is an index range with a limit; figures: docs/performance.md.

A list is read in two steps: keys of one page from the index of each team the person belongs to, then the rows of these
keys through `visible_to`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from governance.models import Agent, Decision, GovernanceRequest, Team, Tool, User
from governance.states import Status
from reviews.keyset import Key, Order, Page, key_at, merged_keys_after, page
from reviews.names import attach_names

PAGE_SIZE = 25  # rows, each a millisecond of drawing
MANY = 100  # a count stops here and is shown as "99+"
# Filters that no index serves are tried on this many of the newest rows; the page offers to look further back.
WINDOW = 12_000
STEP = 4_000  # of them in one statement

QUEUE_ORDERS = {
    "risk": Order(("-risk_score", "deadline", "id"), (int, datetime, UUID)),
    "deadline": Order(("deadline", "id"), (datetime, UUID)),
    "age": Order(("received_at", "id"), (datetime, UUID)),
}
NEWEST = Order(("-received_at", "-id"), (datetime, UUID))


def team_ids(user: User) -> list[int]:
    """The teams whose rows this person sees. Resolved first, so that each list is an index range of one team."""
    return list(Team.objects.visible_to(user).order_by("pk").values_list("pk", flat=True))


def _per_team(user: User, rows: QuerySet) -> list[QuerySet]:
    return [rows.filter(team_id=team_id) for team_id in team_ids(user)]


def rows_of(user: User, keys: Iterable[Key]) -> list[GovernanceRequest]:
    """The rows of these keys (the id is a key's last value), in their order, as far as this person may see them."""
    ids = [key[-1] for key in keys]
    rows = GovernanceRequest.objects.visible_to(user).with_parts().prefetch_related("decisions__reviewer").in_bulk(ids)
    found = [rows[pk] for pk in ids if pk in rows]
    attach_names(found)
    return found


# -- the queue -------------------------------------------------------------------------------


def _waiting() -> QuerySet:
    """`waiting()`, with the deadline behind an expression that no index serves.

    Else PostgreSQL takes an index by deadline for a narrowing that it is not, and sorts the whole queue for each page.
    A deadline is never before the arrival, so the greater of the two is the deadline.
    """
    rows = GovernanceRequest.objects.filter(status=Status.IN_REVIEW)
    return rows.alias(ends=Greatest("deadline", "received_at")).filter(ends__gt=timezone.now())


def queue_page(
    user: User, *, sort: str = "risk", narrowed: Q | None = None, after: str = "", before: str = ""
) -> Page:
    """`narrowed` is what Narrowing.of gives."""
    # In its own order the deadline does narrow the index of the team; without, an index of all teams would be taken.
    rows = GovernanceRequest.objects.waiting() if sort == "deadline" else _waiting()
    if narrowed is not None:
        rows = rows.filter(narrowed)
    return page(_per_team(user, rows), QUEUE_ORDERS[sort], after=after, before=before, size=PAGE_SIZE)


def count_waiting(user: User) -> int:
    """At most MANY, in the order of the queue's index: without one, PostgreSQL takes an index of all teams."""
    total = 0
    for rows in _per_team(user, GovernanceRequest.objects.waiting()):
        total += rows.order_by("team_id", "deadline", "id")[: MANY - total].count()
        if total >= MANY:
            break
    return total


def nearest_waiting(user: User, limit: int) -> list[QuerySet]:
    """What is in review, nearest deadlines first: at most `limit` of each team, with what is not expired yet.

    Asked for deadlines to come, PostgreSQL expects few rows of a team and sorts all of them.
    """
    parts = _per_team(user, GovernanceRequest.objects.filter(status=Status.IN_REVIEW))
    return [rows.order_by("deadline", "id")[:limit] for rows in parts]


def last_decision(user: User) -> Decision | None:
    """The newest decision of a person in this one's teams: among the newest few, since it is a nicety."""
    newest = Decision.objects.order_by("-id").values_list("pk", flat=True)[:200]
    teams = team_ids(user)
    by_people = Decision.objects.filter(pk__in=list(newest), reviewer__isnull=False)
    found = by_people.select_related("reviewer", "request").order_by("-id")
    # The team is compared here: asked for it, SQLite may begin with all requests of these teams.
    return next((decision for decision in found if decision.request.team_id in teams), None)


# -- history ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class HistoryFilter:
    """All that the history can be narrowed by; empty values narrow nothing. Agent and tool are ones the person sees."""

    text: str = ""
    statuses: tuple[str, ...] = ()
    agent: Agent | None = None
    tool: Tool | None = None
    decided_by: User | None = None
    risk_from: int | None = None
    risk_to: int | None = None
    received_from: date | None = None
    received_to: date | None = None

    @property
    def needs_a_window(self) -> bool:
        """Some filter, or some pair of them, has no index of its own."""
        narrowed = [self.agent, self.tool, self.statuses]
        return bool(
            self.text or self.decided_by or self.risk_from is not None or self.risk_to is not None
            or sum(map(bool, narrowed)) > 1 or len(self.statuses) > 1
        )


@dataclass(frozen=True)
class HistoryPage:
    page: Page
    rows: list[GovernanceRequest] = field(default_factory=list)
    # Filled when the search stopped at the window: the mark to go on from, and how far back it looked.
    further: str = ""
    looked_back_to: datetime | None = None


def history_page(user: User, wanted: HistoryFilter, *, after: str = "", before: str = "") -> HistoryPage:
    """One page of everything, newest first. With filters that have no index: of the WINDOW rows behind the mark."""
    indexed = _ranges(user, wanted)
    if not wanted.needs_a_window:
        found = page(indexed, NEWEST, after=after, before=before, size=PAGE_SIZE)
        return HistoryPage(found, rows_of(user, found.keys))
    if before and not after:
        keys, edge = _look(user, wanted, indexed, NEWEST.reversed(), before)
        more, keys = len(keys) > PAGE_SIZE, keys[:PAGE_SIZE][::-1]
        back = keys[0] if more else edge
        ahead = NEWEST.encode(keys[-1]) if keys else before if edge else ""
        found = Page(keys, previous=NEWEST.encode(back) if back else "", next=ahead)
        return HistoryPage(found, rows_of(user, keys))
    keys, edge = _look(user, wanted, indexed, NEWEST, after)
    more, keys = len(keys) > PAGE_SIZE, keys[:PAGE_SIZE]
    found = Page(
        keys, previous=NEWEST.encode(keys[0]) if after and keys else "", next=NEWEST.encode(keys[-1]) if more else ""
    )
    if more or edge is None:
        return HistoryPage(found, rows_of(user, keys))
    return HistoryPage(found, rows_of(user, keys), further=NEWEST.encode(edge), looked_back_to=edge[0])


def _look(
    user: User, wanted: HistoryFilter, indexed: list[QuerySet], order: Order, cursor: str
) -> tuple[list[Key], Key | None]:
    """The keys of more than one page, or all that fit in the WINDOW rows behind the cursor, and the last row looked at.

    That row is None when nothing lies behind it. STEP rows at a time, so that no statement takes long and a page that
    fills early looks at few.
    """
    keys: list[Key] = []
    mark = order.decode(cursor) if cursor else None
    for start in range(0, WINDOW, STEP):
        edge = _edge(indexed, order, mark, min(STEP, WINDOW - start))
        parts = indexed if edge is None else [rows.filter(_up_to(edge, order)) for rows in indexed]
        narrow = _unindexed(user, wanted, edge if order is NEWEST else mark)
        narrowed = [rows.filter(narrow) for rows in parts]
        found = merged_keys_after(narrowed, order, mark, PAGE_SIZE + 1 - len(keys))
        # Rows of the edge's instant but beyond it belong to the next look.
        keys += [key for key in found if edge is None or (key >= edge if order is NEWEST else key <= edge)]
        if edge is None or len(keys) > PAGE_SIZE:
            break
        mark = edge
    return keys, edge


def _up_to(edge: Key, order: Order) -> Q:
    return Q(received_at__gte=edge[0]) if order is NEWEST else Q(received_at__lte=edge[0])


def _ranges(user: User, wanted: HistoryFilter) -> list[QuerySet]:
    """Rows that an index holds in order: of one agent, of one tool, of each team, or all of them."""
    rows = _indexed(wanted)
    if wanted.agent or wanted.tool or (user.is_active and user.is_superuser and len(wanted.statuses) != 1):
        return [rows]
    return _per_team(user, rows)


def _edge(parts: list[QuerySet], order: Order, mark: Key | None, number: int) -> Key | None:
    """The key of that many rows behind the mark in the part that reaches it first; None: all rows lie inside."""
    edges = [edge for rows in parts if (edge := key_at(rows, order, mark, number)) is not None]
    if not edges:
        return None
    return max(edges) if order is NEWEST else min(edges)


def _indexed(wanted: HistoryFilter) -> QuerySet:
    rows = GovernanceRequest.objects.all()
    if wanted.agent:
        rows = rows.filter(agent=wanted.agent)
    elif wanted.tool:
        rows = rows.filter(tool=wanted.tool)
    elif len(wanted.statuses) == 1:
        rows = rows.filter(status=wanted.statuses[0])
    if wanted.received_from:
        rows = rows.filter(received_at__gte=_midnight(wanted.received_from))
    if wanted.received_to:
        rows = rows.filter(received_at__lt=_midnight(wanted.received_to + timedelta(days=1)))
    return rows


def _unindexed(user: User, wanted: HistoryFilter, oldest: Key | None) -> Q:
    """What no index serves, for rows that are not older than `oldest`."""
    narrow = Q()
    if wanted.agent and wanted.tool:
        narrow &= Q(tool=wanted.tool)
    if wanted.statuses:
        narrow &= Q(status__in=wanted.statuses)
    if wanted.risk_from is not None:
        narrow &= Q(risk_score__gte=wanted.risk_from)
    if wanted.risk_to is not None:
        narrow &= Q(risk_score__lte=wanted.risk_to)
    if wanted.decided_by:
        narrow &= Q(pk__in=_decided_by(wanted.decided_by, oldest))
    if wanted.text:
        narrow &= _mentions(user, wanted.text)
    return narrow


def _decided_by(reviewer: User, oldest: Key | None) -> list[UUID]:
    """The requests this person decided. A decision comes after its request, so none before the oldest row counts."""
    since = Q() if oldest is None else Q(created_at__gte=oldest[0])
    return list(Decision.objects.filter(since, reviewer=reviewer).values_list("request_id", flat=True))


def _mentions(user: User, text: str) -> Q:
    """Names are looked up in their own small tables first, so that no row joins them."""
    agents = list(Agent.objects.visible_to(user).filter(name__icontains=text).values_list("pk", flat=True)[:MANY])
    tools = list(Tool.objects.visible_to(user).filter(exposed_name__icontains=text).values_list("pk", flat=True)[:MANY])
    return (
        Q(agent_id__in=agents) | Q(tool_id__in=tools) | Q(arguments_json__icontains=text)
        | Q(stated_reason__icontains=text) | Q(intent__icontains=text)
    )


def by_reference(user: User, start: str) -> list[GovernanceRequest]:
    """At most PAGE_SIZE requests whose reference begins so, newest first. `start` is evt_ and some hex digits."""
    # The range serves SQLite's index, LIKE serves PostgreSQL's; together they are right in any collation.
    # The team stands in an expression, which no index serves: SQLite would begin with all rows of the person's teams.
    rows = GovernanceRequest.objects.alias(of=F("team_id") + 0).filter(
        reference__startswith=start, reference__gte=start, reference__lt=f"{start}g", of__in=team_ids(user)
    )
    keys = list(rows.order_by("reference").values_list("reference", "pk")[:PAGE_SIZE])
    return sorted(rows_of(user, keys), key=lambda row: (row.received_at, row.pk), reverse=True)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


# -- choices of the filters -------------------------------------------------------------------


def agents_of(user: User) -> QuerySet:
    return Agent.objects.visible_to(user).order_by("name")


def tools_of(user: User) -> QuerySet:
    return Tool.objects.visible_to(user).order_by("exposed_name")


def reviewers_of(user: User) -> QuerySet:
    """The people of this person's teams."""
    return User.objects.filter(membership__team__in=team_ids(user)).order_by("username").distinct()


def who_can_decide(request: GovernanceRequest) -> list[User]:
    """At most five people who may decide this request."""
    from_team = User.objects.filter(membership__team_id=request.team_id, is_active=True).order_by("username")[:50]
    return [user for user in from_team if request.can_be_decided_by(user)][:5]

