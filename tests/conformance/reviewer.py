"""The person behind the gateway while the suite runs: approves what waits, and has not looked yet at the long jobs."""

import contextlib
import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

from tests.gateway import Gateway

LOOK_SECONDS = 0.1
LONG_SECONDS = 10  # the suite cancels these; they must still be waiting then


@contextlib.contextmanager
def approving(gateway: Gateway) -> Iterator[None]:
    """Decides open requests as they come, until the block ends. Its own failure fails the block."""
    end, problems = threading.Event(), []

    def work() -> None:
        try:
            while not end.wait(LOOK_SECONDS):
                for reference in _waiting(gateway):
                    gateway.decide(reference, "APPROVED", "The suite's job.")
        except Exception as error:  # shown by the test, not lost with the thread
            problems.append(error)

    thread = threading.Thread(target=work, name="reviewer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(30)
    assert not problems, problems


def _waiting(gateway: Gateway) -> list[str]:
    listed = _get(gateway, "/api/requests/?status=in_review&limit=100")["results"]
    arguments = {row["reference"]: _get(gateway, f"/api/requests/{row['reference']}/")["arguments"] for row in listed}
    return [reference for reference, given in arguments.items() if given.get("seconds", 0) < LONG_SECONDS]


def _get(gateway: Gateway, path: str) -> Any:
    request = urllib.request.Request(gateway.url + path, headers={"Authorization": f"Bearer {gateway.api_token}"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)
