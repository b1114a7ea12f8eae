"""Drives the workflow without serving the web: relay, sweeper and, embedded, the executor."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from governance.workflow.workers import start_workers


class Command(BaseCommand):
    help = "Runs the workflow's background threads until SIGINT or SIGTERM. Several may run over one database."

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        workers = start_workers()
        self.stdout.write("The workflow workers run. Ctrl-C ends them.")
        stopped.wait()
        workers.stop(timeout=1.0)
