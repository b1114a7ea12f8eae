"""GET /metrics for Prometheus, read from the database at the scrape, so that every process tells the same.

Guarded by settings.METRICS_TOKEN as a bearer token; a superuser's session is let in too, nobody else.
docs/observability.md lists what is there.
"""

import hmac
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from statistics import quantiles

from django.conf import settings
from django.db.models import Case, Count, F, IntegerField, Max, Min, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from governance.actions.deliveries import pending_deliveries
from governance.events import count_waiting
from governance.models import (
    Assessment,
    Decision,
    GovernanceRequest,
    Heartbeat,
    OutboxEvent,
    Transition,
    WebhookDelivery,
)
from governance.states import OPEN, Status
from reviews.authentication import CHALLENGE, bearer_of
from reviews.problems import problem

SETTLED_AFTER = timedelta(minutes=1)  # longer than any transaction: smaller ids cannot appear any more
RECENT = 200  # requests that the workflow's latencies look back on
MILLISECONDS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_read(request):
        response = problem(401, "not_authenticated", "Send ATLAS_METRICS_TOKEN as `Authorization: Bearer …`.")
        response["WWW-Authenticate"] = CHALLENGE
        return response
    registry = CollectorRegistry()
    registry.register(_collector)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    token = bearer_of(request)
    if token is None:
        return request.user.is_active and request.user.is_superuser
    wanted = settings.METRICS_TOKEN
    return bool(wanted) and hmac.compare_digest(token.encode("utf-8", "replace"), wanted.encode())


class Tally:
    """Rows of an append-only table by group. Counts a row once: settled ones are remembered, only the rest is read.

    So a scrape costs what was written since the last one; the first scrape of a process reads the table.
    """

    def __init__(self, rows: QuerySet, at: str, **groups: object) -> None:
        self.rows, self.at, self.groups = rows, at, groups
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._last_id, self._settled = 0, Counter()

    def read(self) -> Counter[tuple]:
        with self._lock:
            fresh = self.rows.filter(pk__gt=self._last_id)
            edge = fresh.filter(**{f"{self.at}__lt": timezone.now() - SETTLED_AFTER}).aggregate(edge=Max("pk"))["edge"]
            if edge:
                self._settled += self._count(fresh.filter(pk__lte=edge))
                self._last_id = edge
            return self._settled + self._count(self.rows.filter(pk__gt=self._last_id))

    def _count(self, rows: QuerySet) -> Counter[tuple]:
        grouped = rows.order_by().annotate(**self.groups).values_list(*self.groups).annotate(rows=Count("pk"))
        return Counter({tuple(row[:-1]): row[-1] for row in grouped})


class DatabaseCollector(Collector):
    """Every figure of the gateway. The metric names are its interface: keep them."""

    def __init__(self) -> None:
        self.transitions = Tally(Transition.objects.all(), "at", _to=F("to_status"))
        self.decisions = Tally(Decision.objects.all(), "created_at", _verdict=F("verdict"), _source=F("source"))
        bucket = Case(
            *(When(duration_ms__lte=ms, then=Value(place)) for place, ms in enumerate(MILLISECONDS)),
            default=Value(len(MILLISECONDS)), output_field=IntegerField(),
        )
        failed = Case(When(failure="", then=Value("no")), default=Value("yes"))
        self.assessments = Tally(
            Assessment.objects.all(), "created_at", _scorer=F("scorer"), _failed=failed, _bucket=bucket
        )

    def describe(self) -> list[Metric]:
        """Nothing in advance: registering must not read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._requests()
        yield from self._decisions()
        yield from self._scoring()
        yield from self._workflow()
        held = GaugeMetricFamily("atlas_held_calls", "Calls that this process holds for an outcome, now.")
        held.add_metric([], count_waiting())
        yield held

    def _requests(self) -> Iterator[Metric]:
        moved = CounterMetricFamily("atlas_transitions", "Moves of requests, by the status reached.", labels=["to"])
        for (to,), rows in sorted(self.transitions.read().items()):
            moved.add_metric([to], rows)
        yield moved
        # By the partial index on what is open.
        counts = dict(GovernanceRequest.objects.open().order_by().values_list("status").annotate(rows=Count("pk")))
        now_open = GaugeMetricFamily("atlas_requests_open", "Requests without an end, by status.", labels=["status"])
        for status in sorted(OPEN):
            now_open.add_metric([status], counts.get(status, 0))
        yield now_open
        oldest = GovernanceRequest.objects.open().filter(status=Status.IN_REVIEW).aggregate(at=Min("received_at"))["at"]
        age = GaugeMetricFamily("atlas_oldest_waiting_seconds", "Age of the oldest request that waits for a person.")
        age.add_metric([], (timezone.now() - oldest).total_seconds() if oldest else 0)
        yield age

    def _decisions(self) -> Iterator[Metric]:
        decided = CounterMetricFamily(
            "atlas_decisions", "Decisions, by verdict and by the surface they came from.", labels=["verdict", "source"]
        )
        for (verdict, source), rows in sorted(self.decisions.read().items()):
            decided.add_metric([verdict, source], rows)
        yield decided

    def _scoring(self) -> Iterator[Metric]:
        scored = CounterMetricFamily(
            "atlas_assessments", "Assessments; failed ones sent the call to a person.", labels=["scorer", "failed"]
        )
        took = HistogramMetricFamily("atlas_scorer_seconds", "How long the scorer took.", labels=["scorer"])
        found = self.assessments.read()
        for scorer, failed in sorted({key[:2] for key in found}):
            scored.add_metric([scorer, failed], sum(rows for key, rows in found.items() if key[:2] == (scorer, failed)))
        for scorer in sorted({key[0] for key in found}):
            total, buckets = 0, []
            for place, bound in enumerate([*(f"{ms / 1000:g}" for ms in MILLISECONDS), "+Inf"]):
                total += sum(rows for key, rows in found.items() if (key[0], key[2]) == (scorer, place))
                buckets.append((bound, total))
            took.add_metric([scorer], buckets, sum_value=None)
        yield scored
        yield took

    def _workflow(self) -> Iterator[Metric]:
        unsent = OutboxEvent.objects.filter(sent_at=None).order_by().aggregate(rows=Count("pk"), at=Min("created_at"))
        rows = GaugeMetricFamily("atlas_outbox_unsent", "Events that wait to be sent to the workflow driver.")
        rows.add_metric([], unsent["rows"])
        yield rows
        lag = GaugeMetricFamily("atlas_outbox_lag_seconds", "Age of the oldest event that waits to be sent.")
        lag.add_metric([], (timezone.now() - unsent["at"]).total_seconds() if unsent["at"] else 0)
        yield lag
        beats = GaugeMetricFamily("atlas_heartbeat_age_seconds", "Since a part last worked.", labels=["part"])
        for name, beat_at in Heartbeat.objects.order_by("name").values_list("name", "beat_at"):
            beats.add_metric([name], (timezone.now() - beat_at).total_seconds())
        yield beats
        yield from _latencies()
        yield from _deliveries()


def _deliveries() -> Iterator[Metric]:
    waiting = GaugeMetricFamily("atlas_webhook_deliveries_pending", "Announcements to agents' webhooks that wait.")
    waiting.add_metric([], pending_deliveries().count())
    yield waiting
    # By the index on the time of queueing; the last attempt is made within 32 hours of it.
    now = timezone.now()
    lost = WebhookDelivery.objects.filter(
        created_at__gte=now - timedelta(days=3), failed_at__gte=now - timedelta(days=1), delivered_at=None
    )
    failed = GaugeMetricFamily("atlas_webhook_deliveries_failed", "Announcements given up within the last day.")
    failed.add_metric([], lost.count())
    yield failed


def _latencies() -> Iterator[Metric]:
    """Of the newest requests: arrival → first step of the workflow, decision → seen by the workflow."""
    newest = GovernanceRequest.objects.order_by("-received_at", "-id")
    rows = list(newest.values_list("received_at", "started_at", "decided_at", "finalized_at")[:RECENT])
    for name, text, spans in (
        ("atlas_workflow_start_seconds", "From arrival to the workflow's first step", [row[:2] for row in rows]),
        ("atlas_workflow_resume_seconds", "From a decision to the workflow seeing it", [row[2:] for row in rows]),
    ):
        took = [(end - start).total_seconds() for start, end in spans if start and end]
        family = GaugeMetricFamily(name, f"{text}, among the newest {RECENT} requests.", labels=["quantile"])
        if took:
            cuts = quantiles(took, n=100, method="inclusive") if len(took) > 1 else took * 99
            for quantile in (50, 95):
                family.add_metric([f"0.{quantile:02d}".rstrip("0")], cuts[quantile - 1])
        yield family


_collector = DatabaseCollector()
