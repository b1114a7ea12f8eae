"""Counts transitions into tallies, in the background and never on a call's way.

Every move of every request is one append-only row with a rising id. One round counts the next few thousand settled
ones: it reads them without a lock, then moves the mark and adds the sums in one short transaction. Of several
processes that counted the same rows one moves the mark, the others' sums are dropped; a process that dies leaves
nothing behind. What is not counted yet is read live by the pages (`uncounted`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django.db import connection, transaction
from django.db.models import Case, CharField, Count, Exists, F, Max, Min, OuterRef, QuerySet, Value, When
from django.db.models.functions import Cast, Substr
from django.utils import timezone

from governance.models import Decision, Transition
from governance.models.assessments import BANDS, NO_BAND
from governance.states import Status
from reviews.models import Tally, TallyMark
from reviews.waits import bucket_of

SETTLED_AFTER = timedelta(minutes=1)  # longer than any transaction: smaller ids cannot appear any more
BATCH = 5_000
LIVE = 2_000  # uncounted rows that a page reads itself
EVERY_SECONDS = 5.0
AGAIN_SECONDS = 0.05  # while it catches up

ALL, AGENT, TOOL, RULE, BAND, WAIT = (kind.value for kind in Tally.Kind)
HOUR, DAY = (span.value for span in Tally.Span)
COLUMNS = (
    "received", "reviewed", "approved", "rejected", "edited", "undone", "passed", "denied", "expired", "cancelled",
    "succeeded", "failed", "unknown",
)
# (team, kind, subject, start of the hour, column) → how many
Counts = Counter[tuple[int, str, str, datetime, str]]


class Tallying:
    """The background loop. Any number of processes may run one each."""

    def round(self) -> float:
        return AGAIN_SECONDS if tally_some() >= BATCH else EVERY_SECONDS


def tally_all(*, settled_after: timedelta = timedelta(0)) -> int:
    """Counts everything there is; how many rows. For a process that writes alone, such as one that seeds."""
    total = 0
    while counted := tally_some(batch=50_000, settled_after=settled_after):
        total += counted
    return total


def tally_some(*, batch: int = BATCH, settled_after: timedelta = SETTLED_AFTER) -> int:
    """Counts at most `batch` further rows; how many ids were passed, 0 when nothing is due or another was faster."""
    mark, _ = TallyMark.objects.get_or_create(pk=1)
    start, edge = _next(mark.last_id, batch, timezone.now() - settled_after)
    if edge <= start:
        return 0
    rows = Transition.objects.filter(pk__gt=start, pk__lte=edge)
    counts = count(rows)
    until = Transition.objects.values_list("at", flat=True).filter(pk__lte=edge).order_by("-pk").first()
    with transaction.atomic():
        # The claim, and on PostgreSQL the lock under which the sums below are read and written.
        if TallyMark.objects.filter(pk=1, last_id=mark.last_id).update(last_id=edge, counted_until=until) != 1:
            return 0
        _add(counts)
    return edge - start


def _next(last_id: int, batch: int, settled: datetime) -> tuple[int, int]:
    """The ids behind and at the end of what is counted next."""
    newer = Transition.objects.filter(pk__gt=last_id).order_by()
    first = newer.aggregate(pk=Min("pk"))["pk"]
    if first is None:
        return last_id, last_id
    within = newer.filter(pk__lt=first + batch)
    found = within.aggregate(last=Max("pk"))["last"]
    unsettled = within.filter(at__gte=settled).aggregate(pk=Min("pk"))["pk"]
    return first - 1, found if unsettled is None else unsettled - 1


def uncounted(team_ids: Sequence[int]) -> tuple[Counts, datetime | None]:
    """What happened to these teams since the mark, and, when that is too much to read now, until when it is counted."""
    mark = TallyMark.objects.filter(pk=1).first() or TallyMark()
    found = Transition.objects.filter(pk__gt=mark.last_id).order_by().aggregate(first=Min("pk"), last=Max("pk"))
    if found["first"] is None:
        return Counter(), None
    edge = found["first"] + LIVE
    counts = count(
        Transition.objects.filter(pk__gt=mark.last_id, pk__lt=edge, request__team_id__in=list(team_ids))
    )
    if found["last"] < edge:
        return counts, None
    return counts, Transition.objects.filter(pk__lt=edge).order_by("-pk").values_list("at", flat=True).first()


# -- counting --------------------------------------------------------------------------------


def count(rows: QuerySet) -> Counts:
    """What these transitions come to, per hour."""
    counts: Counts = Counter()
    for team, agent, tool, rule, band, hour, came_from, to, by_person, many in _grouped(rows):
        at, column = _start_of(hour), _column(came_from, to, by_person)
        if column:
            for kind, subject in ((ALL, ""), (AGENT, str(agent)), (TOOL, str(tool)), (RULE, rule)):
                counts[team, kind, subject, at, column] += many
        if column and column != "received":
            counts[team, BAND, band, at, column] += many
        if came_from in _UNSCORED:  # its band is known from here on
            counts[team, BAND, band, at, "received"] += many
    _count_people(rows, counts)
    return counts


_UNSCORED = (str(Status.RECEIVED), str(Status.SCORING))


@lru_cache(maxsize=4_096)
def _start_of(hour: str) -> datetime:
    return datetime.strptime(hour, "%Y-%m-%d %H").replace(tzinfo=UTC)


def _grouped(rows: QuerySet) -> Iterable[tuple]:
    band = Case(
        When(request__assessment__failure="", then=F("request__assessment__classification")), default=Value("")
    )
    grouped = (
        rows.exclude(to_status__in=(Status.SCORING, Status.EXECUTING)).order_by()
        .annotate(
            hour=_hour("at"), by_person=Case(When(user=None, then=Value(0)), default=Value(1)), band=band,
            team=F("request__team_id"), agent=F("request__agent_id"), tool=F("request__tool_id"),
            rule=F("request__policy_rule"),
        )
        .values_list("team", "agent", "tool", "rule", "band", "hour", "from_status", "to_status", "by_person")
        .annotate(many=Count("pk"))
    )
    for team, agent, tool, rule, classification, *rest in grouped.iterator(chunk_size=2_000):
        yield team, agent, tool, rule, BANDS.get(classification, NO_BAND), *rest


def _hour(field: str) -> Substr:
    """`2026-11-21 18` in UTC: both databases write a moment so as text, without a function call per row in Python."""
    return Substr(Cast(field, CharField()), 1, 13)


def _column(came_from: str, to: str, by_person: int) -> str:
    if to == Status.IN_REVIEW and came_from == Status.APPROVED:
        return "undone" if by_person else ""  # sent back by the gateway: the decision was made all the same
    return (by_person and _BY_PERSON.get(to)) or _COLUMNS.get(to, "")


_BY_PERSON = {Status.APPROVED: "approved", Status.DENIED: "rejected"}
_COLUMNS = {
    Status.RECEIVED: "received", Status.IN_REVIEW: "reviewed", Status.APPROVED: "passed", Status.DENIED: "denied",
    Status.EXPIRED: "expired", Status.CANCELLED: "cancelled", Status.SUCCEEDED: "succeeded", Status.FAILED: "failed",
    Status.OUTCOME_UNKNOWN: "unknown",
}


def _count_people(rows: QuerySet, counts: Counts) -> None:
    """How long each person's decision took from the arrival on, and whether it edited the call."""
    made = Decision.objects.filter(
        request=OuterRef("request"), reviewer=OuterRef("user"), created_at=OuterRef("at")
    ).exclude(arguments_json="")
    decided = (
        rows.filter(user__isnull=False, to_status__in=list(_BY_PERSON)).order_by().annotate(edited=Exists(made))
        .values_list(
            "request__team_id", "request__agent_id", "request__tool_id", "to_status", "at", "request__received_at",
            "edited",
        )
    )
    for team, agent, tool, to, at, received_at, edited in decided.iterator(chunk_size=2_000):
        hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        bucket = f"{bucket_of((at - received_at).total_seconds()):03d}"
        counts[team, WAIT, bucket, hour, _BY_PERSON[to]] += 1
        if edited:
            for kind, subject in ((ALL, ""), (AGENT, str(agent)), (TOOL, str(tool))):
                counts[team, kind, subject, hour, "edited"] += 1


# -- adding up -------------------------------------------------------------------------------

_COLUMN_LIST = ", ".join(COLUMNS)
_ADD = (  # names of our own table; every value is a parameter
    f"INSERT INTO reviews_tally (team_id, kind, subject, span, at, {_COLUMN_LIST}) "  # noqa: S608
    f"VALUES ({', '.join(['%s'] * (5 + len(COLUMNS)))}) ON CONFLICT (team_id, kind, span, at, subject) DO UPDATE SET "
    + ", ".join(f"{name} = reviews_tally.{name} + excluded.{name}" for name in COLUMNS)
)


def _add(counts: Counts) -> None:
    """Adds the sums to the rows of their hours and days."""
    rows: dict[tuple, Counter[str]] = defaultdict(Counter)
    for (team, kind, subject, hour, column), many in counts.items():
        rows[team, kind, subject, HOUR, hour][column] += many
        rows[team, kind, subject, DAY, hour.replace(hour=0)][column] += many
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(_ADD, [
            (team, kind, subject, span, adapt(at), *(sums[name] for name in COLUMNS))
            for (team, kind, subject, span, at), sums in rows.items()
        ])  # fmt: skip
