"""Fixtures every test may use, and what keeps several worker processes of one run (`pytest -n 3`) apart.

Apart already: each worker has a database of its own (pytest-django; tests/gateway.py for the gateways' processes), its
own folders under tmp_path, and free ports. Shared: Redis.
"""

import os
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import translation
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# The same examples on every run, however slow the machine. HYPOTHESIS_PROFILE=explore looks for new ones.
hypothesis_settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile("steady", hypothesis_settings.get_profile("explore"), derandomize=True)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# Where tests start processes or wait: with workers, these files are begun first, so that none is left over at the end.
LONG = (
    "tests/mcp_bridge", "tests/browser", "tests/governance/workflow", "tests/conformance", "tests/peers",
    "tests/test_run.py", "tests/test_handshake_script.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Channels of its own for each worker: what one announces reaches no consumer of another."""
    worker = getattr(config, "workerinput", {}).get("workerid")
    if worker and settings.REDIS_URL:
        settings.CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = f"atlas-{worker}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings, tmp_path_factory):
    """SQLite in a file, not in memory: a test's threads and subprocesses meet the same database and its real locks.

    This process does not wait for the disk at each commit: no test cuts the power.
    """
    if connection.vendor == "sqlite":
        given = connection.settings_dict
        given["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
        given["OPTIONS"]["init_command"] = given["OPTIONS"]["init_command"].replace(
            "synchronous=FULL", "synchronous=OFF"
        )


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """How tables are emptied after a transactional test.

    SQLite: by DELETE, which the append-only triggers refuse; they are dropped, and tests/governance/test_append_only.py
    puts them back to try them. PostgreSQL: by `statements_to_empty`, and without waiting for the disk.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND substr(name, -10) = '_no_delete'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
        else:
            cursor.execute(f'ALTER DATABASE "{connection.settings_dict["NAME"]}" SET synchronous_commit = off')
            connection.ops.sql_flush = statements_to_empty
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # the setting counts for new connections


def statements_to_empty(style: Any, tables: list[str], **options: bool) -> list[str]:
    """DELETE for the few tables that have rows, instead of TRUNCATE for all: that makes 40 files and syncs them.

    In one transaction: the foreign keys are deferred, the append-only triggers disabled as the tables' owner may.
    """
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for name in tables))
        filled = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal")
        guarded = sorted({name for (name,) in cursor.fetchall()} & set(filled))
    return [
        *(f'ALTER TABLE "{name}" DISABLE TRIGGER USER' for name in guarded),
        *(f'DELETE FROM "{name}"' for name in filled),
        "SET CONSTRAINTS ALL IMMEDIATE",
        *(f'ALTER TABLE "{name}" ENABLE TRIGGER USER' for name in guarded),
    ]


@pytest.fixture(autouse=True)
def _own_language():
    """A page that a test read in German leaves its thread in German."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _plain_settings(settings, tmp_path):
    """Static files without a manifest, cheap password hashes."""
    settings.STORAGES = {
        **settings.STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
