"""The database for measuring: filled once, guarded as an installation's is, and never somebody's own."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.console import place
from tests.gateway import ROOT, clean_env


def seed(folder: Path, *options: str, **extra: str) -> subprocess.CompletedProcess[str]:
    env = clean_env(ATLAS_BENCH_DIR=str(folder), **extra)
    command = [sys.executable, "-m", "tests.bench.console.seed", *options]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(bool(os.environ.get("DATABASE_URL")), reason="fills SQLite, whatever the tests run on")
def test_seeding_fills_every_table_once_and_leaves_it_append_only(tmp_path):
    done = seed(tmp_path, "--count", "2000")
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(tmp_path / "atlas.sqlite3") as database:
        count = {
            name: database.execute(f"SELECT count(*) FROM governance_{name}").fetchone()[0]
            for name in ("governancerequest", "decision", "execution", "transition", "evidenceentry", "assessment")
        }
        waiting = "SELECT count(*) FROM governance_governancerequest WHERE status = 'in_review'"
        assert count["governancerequest"] == 2000 and all(count.values())
        assert 20 <= database.execute(waiting).fetchone()[0] <= 60
        assert not database.execute("PRAGMA foreign_key_check").fetchall()
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute("DELETE FROM governance_transition")
    assert "Nothing to do" in seed(tmp_path, "--count", "2000").stdout


@pytest.mark.parametrize("url", [
    "postgres://postgres@127.0.0.1:5432/atlas", "sqlite:////srv/atlas/data/atlas.sqlite3", "sqlite:///data/atlas.sqlite3",
])  # fmt: skip
def test_a_database_that_is_not_for_measuring_is_refused_in_one_line(tmp_path, url):
    done = seed(tmp_path, DATABASE_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("DATABASE_URL names") and done.stderr.count("\n") == 1


def test_a_postgresql_database_with_bench_in_its_name_is_taken():
    place.check("postgres://postgres@127.0.0.1:5432/atlas_bench")
