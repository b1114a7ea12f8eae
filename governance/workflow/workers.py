"""The background threads of a process that drives the workflow: relay, maintenance, what the setting
BACKGROUND_LOOPS names and, embedded, the executor.

Started by the web process (ASGI start-up) or `manage.py run_workers`, never on import. Any number of processes may run
them over one database.
"""

import threading
import time

from django.conf import settings
from django.utils.module_loading import import_string

from governance.events import RELAY
from governance.workflow.client import is_embedded, workflow_client
from governance.workflow.embedded.calls import Functions
from governance.workflow.embedded.executor import Executor
from governance.workflow.function import build_functions
from governance.workflow.loops import Loop
from governance.workflow.maintenance import Maintenance
from governance.workflow.outbox import Relay

_lock = threading.Lock()
_running: "Workers | None" = None


class Workers:
    """Raises ImproperlyConfigured when the function asks for what the embedded executor has not."""

    def __init__(self) -> None:
        client = workflow_client()
        functions = Functions(client, build_functions(client)) if is_embedded() else None
        self._executor = Executor(functions) if functions else None
        self._loops = [
            Loop(RELAY, Relay(client).round),
            Loop("maintenance", Maintenance().round),
            *(Loop(name, import_string(path)().round) for name, path in settings.BACKGROUND_LOOPS.items()),
        ]

    def start(self) -> None:
        if self._executor:
            self._executor.start()
        for loop in self._loops:
            loop.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Returns within `timeout` seconds, also with a tool call in flight; its lease is left for a successor."""
        global _running
        with _lock:
            if _running is self:
                _running = None
        deadline = time.monotonic() + timeout
        for loop in self._loops:
            loop.begin_stop()
        if self._executor:
            self._executor.stop(timeout=timeout)
        for loop in self._loops:
            loop.join(max(0.0, deadline - time.monotonic()))


def start_workers() -> Workers:
    """The workers of this process; started once, however often this is called."""
    global _running
    with _lock:
        if _running is None:
            workers = Workers()
            workers.start()
            _running = workers
        return _running
