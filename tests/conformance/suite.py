"""Runs the MCP conformance suite against an address and reads what it found."""

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.peers.installed import node, npm_packages

PACKAGE = "@modelcontextprotocol/conformance"
RUN_SECONDS = 240
_FOLDER = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z")
_CLOSED = ("FAILURE", "WARNING")  # what the suite counts against --expected-failures


@dataclass(frozen=True)
class Findings:
    """`scenario:check` → why, of what failed and of what could not be tried; and how many checks passed."""

    failed: dict[str, str]
    skipped: dict[str, str]
    passed: int


def run(url: str, revision: str, folder: Path) -> Findings:
    """Every scenario that the specification's revision asks of a server, scored or not."""
    command = node(f"{PACKAGE}/dist/index.js", "server", "--url", url, "--requirements", revision, "-o", str(folder))
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    results = {_scenario(path): json.loads(path.read_text("utf-8")) for path in folder.glob("*/checks.json")}
    missing = _required(revision) - results.keys()
    assert not missing, f"the suite did not run {sorted(missing)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return Findings(
        failed=_with(results.items(), _CLOSED),
        skipped=_with(results.items(), ("SKIPPED",)),
        passed=sum(check["status"] == "SUCCESS" for checks in results.values() for check in checks),
    )


def expected(path: Path) -> tuple[set[str], set[str]]:
    """What the file of expected failures names: failing checks (the suite's own format) and skipped ones."""
    listed = yaml.safe_load(path.read_text("utf-8")) or {}
    return set(listed.get("server") or ()), set(listed.get("skipped") or ())


def _scenario(path: Path) -> str:
    return _FOLDER.fullmatch(path.parent.name)["scenario"]


def _with(results: Iterable[tuple[str, list[dict]]], statuses: tuple[str, ...]) -> dict[str, str]:
    return {
        f"{scenario}:{check['id']}": check.get("errorMessage") or check["description"]
        for scenario, checks in results for check in checks if check["status"] in statuses
    }


def _required(revision: str) -> set[str]:
    path = npm_packages() / PACKAGE / "requirements" / f"{revision}.yaml"
    listed = yaml.safe_load(path.read_text("utf-8"))
    return {*listed["server"], *(entry["scenario"] for entry in listed["not_scored"] if entry["leg"] == "server")}
