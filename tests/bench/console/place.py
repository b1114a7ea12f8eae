"""Which database is for measuring: never one that somebody works with. Import it before Django is set up."""

import os
from pathlib import Path

import dj_database_url

FOLDER = Path(os.environ.get("ATLAS_BENCH_DIR") or Path(__file__).parents[3] / "data" / "bench").resolve()


class NotForMeasuring(SystemExit):
    """The named database may be somebody's own."""


def choose() -> None:
    """Sets the environment: SQLite in FOLDER, or the database of DATABASE_URL when its name says bench."""
    url = os.environ.get("DATABASE_URL", "").strip()
    if not url:
        os.environ["DATABASE_URL"] = url = f"sqlite:///{FOLDER / 'atlas.sqlite3'}"
    check(url)
    FOLDER.mkdir(parents=True, exist_ok=True)
    os.environ["DJANGO_SETTINGS_MODULE"] = "atlas_site.settings"
    os.environ |= {
        "ATLAS_DATA_DIR": str(FOLDER), "ATLAS_RUN_WORKERS": "0", "ATLAS_LOG_LEVEL": "WARNING",
        "ATLAS_STATIC_ROOT": str(FOLDER / "static"),
    }
    for name in ("ATLAS_PRODUCTION", "ATLAS_DEBUG", "REDIS_URL"):
        os.environ[name] = ""


def check(url: str) -> None:
    """Raises NotForMeasuring in one plain line."""
    name = str(dj_database_url.parse(url)["NAME"])
    if url.startswith("postgres") and "bench" not in name:
        raise NotForMeasuring(f"DATABASE_URL names the database {name!r}. Only one with bench in its name is filled.")
    if not url.startswith("postgres") and Path(name).resolve().parent != FOLDER:
        raise NotForMeasuring(f"DATABASE_URL names {name}. SQLite is filled in {FOLDER} alone; leave DATABASE_URL out.")
