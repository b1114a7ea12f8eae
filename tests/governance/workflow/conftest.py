"""The driver fixture: the embedded executor always, a real Inngest server when INNGEST_TEST_BASE_URL names one."""

import os
from collections.abc import Iterator

import pytest

from tests.governance.workflow.drivers import Driver, EmbeddedDriver, ServerDriver

SERVER_VARIABLES = ("INNGEST_TEST_BASE_URL", "INNGEST_EVENT_KEY", "INNGEST_SIGNING_KEY")
HAS_SERVER = all(os.environ.get(name) for name in SERVER_VARIABLES)

DRIVERS = ["embedded", *([pytest.param("server", marks=pytest.mark.inngest_server)] if HAS_SERVER else [])]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "driver" in metafunc.fixturenames:
        metafunc.parametrize("driver", DRIVERS, indirect=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not HAS_SERVER:
        missing = ", ".join(name for name in SERVER_VARIABLES if not os.environ.get(name))
        terminalreporter.write_line(
            f"The driver contract ran on the embedded executor only, not on an Inngest server ({missing} not set; "
            "docs/workflow-driver.md)."
        )


@pytest.fixture
def driver(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Driver]:
    made = EmbeddedDriver() if request.param == "embedded" else ServerDriver(
        base_url=os.environ["INNGEST_TEST_BASE_URL"], event_key=os.environ["INNGEST_EVENT_KEY"],
        signing_key=os.environ["INNGEST_SIGNING_KEY"], app_host=os.environ.get("INNGEST_TEST_APP_HOST", "127.0.0.1"),
    )
    try:
        yield made
    finally:
        made.close()
