"""start_workers and run_workers: the product's function driven by the threads as the web process starts them."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from governance.apps import GovernanceConfig
from governance.models import GovernanceRequest, Heartbeat, Run
from governance.states import Status
from governance.workflow.workers import Workers, start_workers
from tests.factories import make_request
from tests.governance.workflow.processes import PATIENCE, database_url, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workers(settings) -> Iterator[Workers]:
    settings.WORKFLOW_DRIVER = "embedded"
    settings.SCORERS = {settings.SCORER: "tests.governance.workflow.worker.FixedScorer"}
    started = start_workers()
    yield started
    started.stop(timeout=10)


def test_a_request_goes_to_review_without_anybody_asking(workers: Workers) -> None:
    request = make_request(status=Status.RECEIVED)
    wait_until(lambda: GovernanceRequest.objects.get(pk=request.pk).status == Status.IN_REVIEW, "the review")
    wait_until(lambda: set(Heartbeat.objects.values_list("name", flat=True)) == {"relay", "executor"}, "heartbeats")
    assert Run.objects.count() == 1


def test_starting_twice_starts_once_and_after_a_stop_again(workers: Workers) -> None:
    names = [thread.name for thread in threading.enumerate()]
    assert start_workers() is workers
    assert [thread.name for thread in threading.enumerate()] == names
    assert {"relay", "maintenance", "executor"} <= set(names)
    workers.stop(timeout=10)
    again = start_workers()
    try:
        assert again is not workers
    finally:
        again.stop(timeout=10)


def test_with_an_inngest_server_no_executor_runs(settings) -> None:
    settings.WORKFLOW_DRIVER, settings.INNGEST_BASE_URL = "inngest", "http://127.0.0.1:9/"
    settings.INNGEST_SIGNING_KEY, settings.INNGEST_EVENT_KEY = "ab" * 32, "key"
    started = start_workers()
    try:
        names = {thread.name for thread in threading.enumerate()}
        assert {"relay", "maintenance"} <= names
        assert "executor" not in names
    finally:
        started.stop(timeout=10)


def test_loading_the_app_starts_nothing() -> None:
    before = threading.active_count()
    GovernanceConfig.create("governance").ready()
    assert threading.active_count() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_drives_the_workflow_until_it_is_told_to_stop(number: signal.Signals, tmp_path: Path) -> None:
    request = make_request(status=Status.RECEIVED)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_workers"], cwd=django_settings.BASE_DIR, stdout=subprocess.PIPE, text=True,
        env={
            "PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1", "DATABASE_URL": database_url(),
            "ATLAS_DATA_DIR": str(tmp_path),
        },
    )
    try:
        assert "run" in process.stdout.readline()
        wait_until(lambda: GovernanceRequest.objects.get(pk=request.pk).started_at, "the first step")
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()
        process.wait(timeout=PATIENCE)
