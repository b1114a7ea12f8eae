"""The two log formats, and the reference in every line."""

import json
import os
import subprocess
import sys

import pytest
from django.test import Client

from governance.logs import ReferenceFilter

SCRIPT = """
import logging, django
django.setup()
from governance.logs import log_reference
with log_reference("evt_0123456789abcdef"):
    logging.getLogger("gateway.test").warning("halted %s", "it")
logging.getLogger("gateway.test").info("idle")
"""


def lines_of(tmp_path, **environment):
    ours = {"DJANGO_SETTINGS_MODULE": "atlas_site.settings", "ATLAS_DATA_DIR": str(tmp_path), "ATLAS_LOG_LEVEL": "INFO"}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=True,
        env={**os.environ, **ours, **environment},
    )
    assert run.stdout == ""
    return [line for line in run.stderr.splitlines() if "gateway.test" in line]


def test_json_lines_carry_time_level_logger_reference_and_message(tmp_path):
    first, second = (json.loads(line) for line in lines_of(tmp_path, ATLAS_LOG_FORMAT="json"))
    assert first.pop("time")
    assert first == {
        "level": "WARNING", "logger": "gateway.test", "reference": "evt_0123456789abcdef", "message": "halted it",
    }
    assert second["reference"] == "-"


def test_plain_lines_carry_the_reference_too(tmp_path):
    first, second = lines_of(tmp_path, ATLAS_LOG_FORMAT="plain")
    assert first.endswith("WARNING gateway.test [evt_0123456789abcdef] halted it")
    assert second.endswith("INFO gateway.test [-] idle")


@pytest.mark.django_db
def test_djangos_own_line_about_an_address_names_its_reference(caplog):
    caplog.handler.addFilter(ReferenceFilter())
    Client().get("/api/requests/evt_0123456789abcdef/")
    (line,) = [record for record in caplog.records if record.name == "django.request"]
    assert line.reference == "evt_0123456789abcdef"
