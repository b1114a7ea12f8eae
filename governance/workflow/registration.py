"""Telling the Inngest server what we serve: a signed PUT to our own /api/inngest, which registers the function.

A server notices a changed function only by this, so every start of the web service does it. A failed registration
still answers 200; what counts is the body.
"""

import json
import logging
import time
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from django.conf import settings

from governance.errors import GovernanceError
from governance.workflow.signatures import HEADER, sign

log = logging.getLogger(__name__)

PATH = "/api/inngest"
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 1.0
ANSWER_SECONDS = 40.0  # our view waits up to 30 s for the server


class NotRegistered(GovernanceError):
    """The server does not know our function; the message says why."""


def default_url() -> str:
    return f"{settings.PUBLIC_URL or 'http://127.0.0.1:8000'}{PATH}"


def register(url: str, *, patience: float = PATIENCE_SECONDS) -> None:
    """Registers through the app at `url`, trying again for `patience` seconds while the app or the server starts.

    Raises NotRegistered with the last reason.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return register_once(url)
        except NotRegistered:
            if time.monotonic() + RETRY_SECONDS > deadline:
                raise
            time.sleep(RETRY_SECONDS)


def register_once(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise NotRegistered(f"{url} is no http address.")
    request = Request(  # noqa: S310 - the scheme was checked
        url, data=b"", method="PUT",
        headers={HEADER: sign(b"", settings.INNGEST_SIGNING_KEY), "Content-Type": "application/json"},
    )
    try:
        with urlopen(request, timeout=ANSWER_SECONDS) as response:  # noqa: S310
            status, body = response.status, response.read(100_000)
    except HTTPError as error:
        status, body = error.code, error.read(100_000)
    except (URLError, OSError) as error:
        raise NotRegistered(f"{url} cannot be reached: {error}") from error
    if reason := _refusal(status, body):
        raise NotRegistered(f"The registration through {url} failed: {reason}")


def _refusal(status: int, body: bytes) -> str:
    """Why this answer is no success; empty when it is one."""
    try:
        answer = json.loads(body)
    except ValueError:
        return f"status {status} without JSON; is this address the gateway's?"
    if not isinstance(answer, dict):
        return f"status {status} with {type(answer).__name__} instead of an object"
    message = answer.get("error") or answer.get("message") or answer.get("code")
    if status != 200 or message or answer.get("ok") is False or answer.get("status", 200) not in (200, "ok"):
        return f"{message or answer} (status {status})"
    return ""
