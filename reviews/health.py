"""/health/live and /health/ready, for load balancers and orchestrators. Reasons name parts, never hosts or secrets."""

import logging
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from governance.models import ToolServer
from governance.models.tools import REMOTE_KINDS
from governance.scoring import registry
from governance.workflow.health import workflow_health

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 3.0
SERVERS_SHOWN = 200
# A database that hangs holds the threads that ask it; further probes are told so and start none.
_places = threading.BoundedSemaphore(4)


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """The process answers. Asks nothing else, so that a broken database does not get every process restarted."""
    return JsonResponse({"status": "live"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    found = reasons_not_ready()
    return JsonResponse(health_body(found), status=503 if found else 200)


def health_body(reasons: list[str]) -> dict[str, object]:
    """A tool server that is down fails its own calls alone: it is named, and the gateway stays ready."""
    servers = [] if reasons else _within_time(_tool_servers, [])
    return {"status": "not ready" if reasons else "ready", "reasons": reasons, "tool_servers": servers}


def reasons_not_ready() -> list[str]:
    """Why no traffic should come here; empty when all is well. Returns within TIMEOUT_SECONDS."""
    return [*_within_time(_database_reasons), *_scorer_reasons()]


def _tool_servers() -> list[dict[str, str]]:
    """Names and states of the remote ones; what is wrong with one stands in the admin."""
    rows = ToolServer.objects.filter(kind__in=REMOTE_KINDS).select_related("team").order_by("team__slug", "slug")
    try:
        return [{"name": f"{row.team.slug}/{row.slug}", "state": row.state} for row in rows[:SERVERS_SHOWN]]
    except (DatabaseError, InterfaceError, OSError) as error:
        log.warning("readiness: tool servers could not be read: %s", error)
        return []


def _scorer_reasons() -> list[str]:
    """Its own words can hold addresses, so they go to the log alone."""
    reason = registry.check()
    if not reason:
        return []
    log.warning("readiness: %s", reason)
    return ["scorer: not usable, so every call waits for a person; the log says why"]


def _database_reasons() -> list[str]:
    try:
        missing = _missing_migrations()
        if missing:
            return [f"database: {missing} migrations are not applied"]
        return [f"workflow: {reason}" for reason in workflow_health()]
    except (DatabaseError, InterfaceError, OSError) as error:
        log.warning("readiness: the database failed: %s", error)
        return ["database: no answer"]


def _missing_migrations() -> int:
    """One query; which migrations exist does not change while the process runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return len(_known_migrations() - set(cursor.fetchall()))


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def _within_time(question: Callable[[], list[Any]], otherwise: list[Any] | None = None) -> list[Any]:
    """The answer of a thread of its own, as no driver bounds every way of hanging; `otherwise` when there is none."""
    places = _places
    if not places.acquire(blocking=False):
        return ["database: earlier probes still wait for it"] if otherwise is None else otherwise
    answer: list[list[Any]] = []

    def ask() -> None:
        try:
            answer.append(question())
        finally:
            connection.close()  # this thread's own
            places.release()

    thread = threading.Thread(target=ask, name="readiness", daemon=True)
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    if not thread.is_alive() and answer:
        return answer[0]
    if otherwise is not None:
        return otherwise
    return [f"database: no answer within {TIMEOUT_SECONDS:g} s" if thread.is_alive() else "database: the check failed"]
