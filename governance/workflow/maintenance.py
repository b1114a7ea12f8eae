"""The slow loop beside the relay: each task of nudge, sweeper, reconciler and clean-up at its own pace."""

import time
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from governance.workflow.outbox import nudge, reconcile
from governance.workflow.sweeper import BATCH, expire_overdue, remove_old, resolve_abandoned

EVERY_SECONDS: dict[Callable[[datetime], int], float] = {
    nudge: 0.25,
    expire_overdue: 1.0,
    resolve_abandoned: 5.0,
    reconcile: 5.0,
    remove_old: 3600.0,
}


class Maintenance:
    def __init__(self) -> None:
        self._due = dict.fromkeys(EVERY_SECONDS, 0.0)

    def round(self) -> float:
        """Does each task that is due; the seconds until the next one is."""
        for task, every in EVERY_SECONDS.items():
            if time.monotonic() >= self._due[task]:
                is_full = task(timezone.now()) >= BATCH
                self._due[task] = time.monotonic() + (0.1 if is_full else every)
        return max(0.0, min(self._due.values()) - time.monotonic())
