"""Which pages are measured, with addresses that this database's rows give. An unknown name of a page is an error."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from governance.models import Agent, Decision, GovernanceRequest, Tool, User
from governance.states import Status
from reviews.keyset import Order, key_at
from reviews.queries import NEWEST, QUEUE_ORDERS
from tests.bench.console.calls import RARE


@dataclass(frozen=True)
class Page:
    name: str
    url: str


def pages_of(user: User) -> list[Page]:
    team = user.teams.order_by("pk").first()
    mine = GovernanceRequest.objects.filter(team=team)
    waiting = mine.filter(status=Status.IN_REVIEW, deadline__gt=timezone.now() + timedelta(hours=1))
    agent, tool = Agent.objects.filter(team=team).first(), Tool.objects.filter(server__team=team).last()
    return [
        Page("overview", reverse("overview")), *_queue(waiting, agent, tool), *_history(mine, user, agent, tool),
        *_cards(mine, waiting), Page("agents", reverse("agents")), Page("agent", reverse("agent", args=[agent.pk])),
        Page("tools", reverse("tools")), Page("tool", reverse("tool", args=[tool.pk])),
    ]  # fmt: skip


def _queue(waiting: QuerySet, agent: Agent, tool: Tool) -> list[Page]:
    def queue(name: str, page: str = "queue", **query: object) -> Page:
        return Page(f"queue, {name}", f"{reverse(page)}?{urlencode(query)}")

    deep = _mark(waiting, QUEUE_ORDERS["risk"], 3_000)
    return [
        *(queue(f"by {order}", sort=order) for order in QUEUE_ORDERS),
        queue("deep page", sort="risk", after=deep), queue("one agent", agent=agent.pk),
        queue("one tool", tool=tool.pk), queue("agent and tool by age", agent=agent.pk, tool=tool.pk, sort="age"),
        queue("rows alone", "queue_rows", sort="risk"), Page("waiting now (badge)", reverse("waiting")),
    ]


def _history(mine: QuerySet, user: User, agent: Agent, tool: Tool) -> list[Page]:
    def history(name: str, **query: object) -> Page:
        return Page(f"history, {name}", f"{reverse('history')}?{urlencode(query, doseq=True)}")

    somebody = Decision.objects.filter(reviewer__isnull=False, request__team__in=user.teams.all()).last().reviewer_id
    reference = mine.order_by("received_at").values_list("reference", flat=True)[1_000]
    return [
        history("plain"), history("deep page", after=_mark(mine, NEWEST, mine.count() * 7 // 10)),
        history("one status", status="denied"), history("three statuses", status=["denied", "expired", "failed"]),
        history("one agent", agent=agent.pk), history("one tool", tool=tool.pk),
        history("agent and tool", agent=agent.pk, tool=tool.pk),
        history("agent and status", agent=agent.pk, status="denied"),
        history("high risk", risk_from=95), history("decided by somebody", decided_by=somebody),
        history("common word", q="hardship"), history("name", q="Zoë Zając"), history("rare word", q=RARE),
        history("word that is nowhere", q="zzyzx"), history("start of a reference", q=reference[:9]),
    ]  # fmt: skip


def _cards(mine: QuerySet, waiting: QuerySet) -> list[Page]:
    finished = mine.filter(status=Status.SUCCEEDED, decisions__reviewer__isnull=False).order_by("-received_at").first()
    found = []
    for name, request in (("waiting", waiting.order_by("deadline").first()), ("finished", finished)):
        found += [
            Page(f"card, {name}", reverse("request", args=[request.reference])),
            Page(f"card, {name}: live parts", reverse("request_state", args=[request.reference])),
            Page(f"card, {name}: preview", reverse("request_preview", args=[request.reference])),
            Page(f"trace, {name}", reverse("trace", args=[request.reference])),
        ]
    return found


def _mark(rows: QuerySet, order: Order, number: int) -> str:
    return order.encode(key_at(rows, order, None, min(number, rows.count() // 2)))
