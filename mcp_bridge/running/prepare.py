"""Migrations and static files, only when they are needed: a start that finds nothing to do takes no time for it."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

Say = Callable[[str], object]
STAMP = ".collected"


def migrate_when_needed(say: Say) -> None:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        say(f"Setting up the database ({len(plan)} migrations) …")
        call_command("migrate", interactive=False, verbosity=0)


def collect_when_needed(say: Say) -> None:
    """The stamp is written last, so an interrupted collection is done again."""
    stamp, now = Path(settings.STATIC_ROOT) / STAMP, _fingerprint()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == now:
        return
    say("Collecting static files …")
    stamp.unlink(missing_ok=True)
    # clear: otherwise a file counts as collected when its copy is newer, whatever it says
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(now, encoding="ascii")


def _fingerprint() -> str:
    """Of every source file's path, size and time, and of what processes them."""
    digest = hashlib.sha256(f"{django.__version__} {settings.STORAGES['staticfiles']}".encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            facts = os.stat(storage.path(path))
            digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
