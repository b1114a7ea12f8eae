"""Gateways for the tests of the bridge: one per module for what changes nothing, `make_gateway` for the rest."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway import Gateway, start_gateway
from tests.mcp_bridge.downstream.everything import Everything
from tests.mcp_bridge.downstream.served import serving
from tests.mcp_bridge.fronting import Front, start_front


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Under both servers, with a hold long enough for a decision to arrive during it."""
    folder = tmp_path_factory.mktemp(request.param)
    running = start_gateway(folder, server=request.param, env={"ATLAS_HOLD_SECONDS": "20"})
    yield running
    running.close()


@pytest.fixture
def make_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    started: list[Gateway] = []

    def make(server: str = "daphne", **env: str) -> Gateway:
        started.append(start_gateway(tmp_path / str(len(started)), server=server, env=env))
        return started[-1]

    yield make
    for running in started:
        running.close()


@pytest.fixture(scope="session")
def everything() -> Iterator[tuple[Everything, str]]:
    """A tool server that runs in a thread of the tests, and its address."""
    server = Everything()
    with serving(server, "http") as url:
        yield server, url


@pytest.fixture(scope="module")
def front(everything: tuple[Everything, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A gateway in front of it: what `open` offers is allowed, what `careful` offers waits for a person."""
    running = start_front(tmp_path_factory.mktemp("front"), *everything)
    yield running
    running.gateway.close()
