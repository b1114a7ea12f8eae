"""Connections are dropped on both sides of the gateway while calls go through it: nothing is lost or runs twice."""

from pathlib import Path

import pytest

from tests.bench.proxy.drops import drop
from tests.bench.proxy.faulty import UNANSWERED

CALLS = 150


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_every_call_has_one_recorded_end_though_connections_drop(tmp_path: Path, server: str) -> None:
    after = drop(server, tmp_path / "drops", CALLS)
    assert after.problems() == []
    assert after.dropped, "the client dropped no connection"
    assert {*UNANSWERED, "idle", "passed"} <= set(after.fates.values()), "the network did not fail in every way"
