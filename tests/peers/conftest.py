"""Real servers behind a real gateway."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway import Gateway, start_gateway
from tests.peers.behind import activate

ALLOW = """
version: 1
rules:
  - name: everything
    effect: allow
    when:
      tool: "*"
"""

# What the servers themselves call harmless runs; the rest waits for a person.
READS_ONLY = """
version: 1
rules:
  - name: reads
    effect: allow
    when:
      tool: "*"
      annotations:
        readOnlyHint: true
  - name: everything-else
    effect: review
"""


@pytest.fixture
def make_gateway(tmp_path: Path) -> Iterator[Callable[[str], Gateway]]:
    """Starts a gateway with this rule file."""
    started: list[Gateway] = []

    def make(policy: str = ALLOW, **env: str) -> Gateway:
        started.append(start_gateway(tmp_path / f"gateway{len(started)}", env=env))
        activate(started[-1], policy)
        return started[-1]

    yield make
    for running in started:
        running.close()
