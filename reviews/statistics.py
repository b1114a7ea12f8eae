"""The figures of the overview, of agents and of tools: from the tallies, and live what is not counted yet.

Everything is narrowed to the teams of the person who looks. Hours and days of the tallies are UTC; a period begins at
midnight of the time zone in use (in zones off by part of an hour: at the full hour before).
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from django.db.models import QuerySet, Sum, Value
from django.db.models.functions import Concat
from django.utils import timezone

from governance.models import Decision, GovernanceRequest, User
from governance.states import Status
from reviews.models import Tally
from reviews.queries import team_ids
from reviews.tallying import COLUMNS, Counts, uncounted
from reviews.waits import exact_quantile, quantile

Kind, Span = Tally.Kind, Tally.Span
BY_SUBJECT = (Kind.ALL, Kind.AGENT, Kind.TOOL, Kind.RULE, Kind.BAND)
DECISIONS = ("received", "reviewed", "approved", "rejected", "edited", "undone", "passed", "denied", "expired")
VERDICTS = ("approved", "rejected")
MOST_WAITING = 5_000  # a count of what waits stops here
EXACT_WAITS = 300  # up to so many decisions, quantiles are of the rows themselves
HOUR = timedelta(hours=1)
DAYS = {"today": 1, "7d": 7, "30d": 30}


# -- the period --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Period:
    """`key` as in the address. Steps are hours of today, or days."""

    key: str
    start: datetime
    now: datetime

    @property
    def is_today(self) -> bool:
        return self.key == "today"

    def steps(self) -> list[datetime]:
        """The start of each, in local time; of today all hours, also those to come."""
        days = [_midnight(self.start, ahead=number) for number in range(DAYS[self.key] + 1)]
        if not self.is_today:
            return days[:-1]
        first, last = (day.astimezone(UTC) for day in days)  # 23 or 25 hours when the clocks change
        return [timezone.localtime(first + number * HOUR) for number in range((last - first) // HOUR)]


def period_of(key: str, now: datetime | None = None) -> Period:
    """Today for every key that there is not."""
    key, now = key if key in DAYS else "today", now or timezone.now()
    return Period(key, _midnight(timezone.localtime(now), ahead=1 - DAYS[key]), now)


def _midnight(local: datetime, ahead: int = 0) -> datetime:
    return timezone.make_aware(datetime.combine(local.date() + timedelta(days=ahead), time.min))


# -- sums --------------------------------------------------------------------------------------


class Sums(Counter[str]):
    """The columns of tallies, and what follows from them."""

    def __missing__(self, column: str) -> int:
        """Nothing, of a column; templates ask for the properties this way first, and must not get a nought."""
        if column in COLUMNS:
            return 0
        raise KeyError(column)

    @property
    def approvals(self) -> int:
        """By people, without those that were taken back."""
        return max(0, self["approved"] - self["undone"])

    @property
    def by_people(self) -> int:
        return self.approvals + self["rejected"]

    @property
    def without_people(self) -> int:
        return self["passed"] + self["denied"]

    @property
    def decided(self) -> int:
        return self.by_people + self.without_people

    @property
    def rejections(self) -> int:
        return self["rejected"] + self["denied"]

    @property
    def approval_rate(self) -> float | None:
        """Of people's decisions."""
        return self.approvals / self.by_people if self.by_people else None

    @property
    def share_alone(self) -> float | None:
        """Of what was decided, the share that went through without a person."""
        return self["passed"] / self.decided if self.decided else None


@dataclass(frozen=True)
class Picture:
    sums: dict[tuple[str, str], Sums]
    series: list[tuple[datetime, Sums]]
    median: float | None = None
    p95: float | None = None
    counted_until: datetime | None = None  # set while the tallies are too far behind to be read up to now
    waits: dict[int, Sums] = field(default_factory=dict)  # bucket of reviews/waits.py → approved and rejected

    @property
    def all(self) -> Sums:
        return self.sums.get((Kind.ALL.value, ""), Sums())

    def of(self, kind: Kind, subject: object = "") -> Sums:
        return self.sums.get((kind.value, str(subject)), Sums())

    def subjects(self, kind: Kind) -> list[tuple[str, Sums]]:
        """The busiest first."""
        found = [(subject, sums) for (of, subject), sums in self.sums.items() if of == kind.value]
        return sorted(found, key=lambda pair: (-pair[1]["received"], -pair[1].decided, pair[0]))


def picture_of(user: User, period: Period) -> Picture:
    """Everything the overview shows of a period."""
    teams = team_ids(user)
    fresh, counted_until = uncounted(teams)
    sums = _sums(teams, BY_SUBJECT, period, fresh)
    waits = {int(bucket): found for (_, bucket), found in _sums(teams, (Kind.WAIT,), period, fresh, VERDICTS).items()}
    median, p95 = _quantiles(teams, period, waits)
    hours = Tally.objects.filter(team_id__in=teams, kind=Kind.ALL, span=Span.HOUR, at__gte=_hour(period.start))
    return Picture(sums, _series(hours, period, fresh, Kind.ALL, ""), median, p95, counted_until, waits)


def sums_by(user: User, kind: Kind, period: Period) -> dict[str, Sums]:
    """Of every agent or tool, by its id as text."""
    teams = team_ids(user)
    fresh, _ = uncounted(teams)
    return {subject: found for (_, subject), found in _sums(teams, (kind,), period, fresh).items()}


def picture_of_subject(user: User, kind: Kind, pk: int, period: Period) -> Picture:
    """One agent's or one tool's."""
    teams = team_ids(user)
    fresh, counted_until = uncounted(teams)
    hours = Tally.objects.filter(
        team_id__in=teams, kind=kind, subject=str(pk), span=Span.HOUR, at__gte=_hour(period.start)
    )
    series = _series(hours, period, fresh, kind, str(pk))
    total = Sums()
    for _, step in series:
        total.update(step)
    return Picture({(kind.value, str(pk)): total}, series, counted_until=counted_until)


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _sums(
    teams: Sequence[int], kinds: Sequence[Kind], period: Period, fresh: Counts, columns: Sequence[str] = DECISIONS
) -> dict[tuple[str, str], Sums]:
    """By kind and subject: hours up to the first midnight of UTC, whole days from there on."""
    start = _hour(period.start)
    first_day = start if start.hour == 0 else start.replace(hour=0) + timedelta(days=1)
    rows = Tally.objects.filter(team_id__in=teams, kind__in=[kind.value for kind in kinds])
    sums: dict[tuple[str, str], Sums] = defaultdict(Sums)
    for part in (
        rows.filter(span=Span.HOUR, at__gte=start, at__lt=first_day), rows.filter(span=Span.DAY, at__gte=first_day)
    ):
        # Asked for the column itself, SQLite reads all tallies of a kind, whose index has them in groups already.
        named = part.annotate(named=Concat("kind", Value("")))
        for kind, subject, *values in _summed(named, columns, "named", "subject"):
            sums[kind, subject].update(dict(zip(columns, values, strict=True)))
    wanted = {kind.value for kind in kinds}
    for (_, kind, subject, at, column), many in fresh.items():
        if kind in wanted and at >= start:
            sums[kind, subject][column] += many
    return dict(sums)


def _summed(rows: QuerySet, columns: Sequence[str], *by: str) -> Iterable[tuple]:
    return rows.order_by().values_list(*by).annotate(*(Sum(name) for name in columns))


def _series(
    hours: QuerySet, period: Period, fresh: Counts, kind: Kind, subject: str
) -> list[tuple[datetime, Sums]]:
    starts = [at.astimezone(UTC) for at in period.steps()]  # in UTC: local hours come twice when the clocks go back
    steps = [Sums() for _start in starts]
    for at, *values in _summed(hours, COLUMNS, "at"):
        step = steps[max(0, bisect_right(starts, at) - 1)]
        for column, many in zip(COLUMNS, values, strict=True):
            if many:
                step[column] += many
    for (_, of, about, at, column), many in fresh.items():
        if (of, about) == (kind.value, subject) and at >= _hour(period.start):
            steps[max(0, bisect_right(starts, at) - 1)][column] += many
    return [(timezone.localtime(start), step) for start, step in zip(starts, steps, strict=True)]


# -- time to decision --------------------------------------------------------------------------


def _quantiles(teams: Sequence[int], period: Period, waits: dict[int, Sums]) -> tuple[float | None, float | None]:
    """Median and 95th percentile of people's decisions, in seconds from the arrival on."""
    if (exact := _exact_waits(teams, period)) is not None:
        return exact_quantile(exact, 0.5), exact_quantile(exact, 0.95)
    buckets = {bucket: sums["approved"] + sums["rejected"] for bucket, sums in waits.items()}
    return quantile(buckets, 0.5), quantile(buckets, 0.95)


def _exact_waits(teams: Sequence[int], period: Period) -> list[float] | None:
    """The waits themselves, sorted; None when there are too many to read."""
    people = Decision.objects.filter(reviewer__isnull=False, created_at__gte=_hour(period.start))
    found = list(people.order_by("-created_at").values_list("pk", flat=True)[: EXACT_WAITS + 1])
    if len(found) > EXACT_WAITS:
        return None
    # The team is compared here: asked for it, SQLite begins with all requests of these teams.
    rows = Decision.objects.filter(pk__in=found).values_list("request__team_id", "created_at", "request__received_at")
    return sorted((at - received_at).total_seconds() for team, at, received_at in rows if team in teams)


# -- what waits now ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    count: int
    is_more: bool = False  # than were counted
    oldest: GovernanceRequest | None = None
    nearest: GovernanceRequest | None = None


def waiting_now(user: User) -> Waiting:
    """Each an index range of each team."""
    now, total = timezone.now(), 0
    oldest: list[GovernanceRequest] = []
    nearest: list[GovernanceRequest] = []
    for team in team_ids(user):
        rows = GovernanceRequest.objects.filter(team_id=team, status=Status.IN_REVIEW)
        in_time = rows.filter(deadline__gt=now)
        counted = in_time.order_by("team_id", "deadline", "id")[: MOST_WAITING - total]
        total += counted.count() if total < MOST_WAITING else 0
        oldest += rows.select_related("agent", "tool").order_by("received_at", "id")[:1]
        nearest += in_time.select_related("agent", "tool").order_by("deadline", "id")[:1]
    return Waiting(
        total, total >= MOST_WAITING, min(oldest, key=lambda row: row.received_at, default=None),
        min(nearest, key=lambda row: row.deadline, default=None),
    )


def has_requests(user: User) -> bool:
    """Whether any agent of this person's teams has ever called."""
    return GovernanceRequest.objects.visible_to(user).exists()
