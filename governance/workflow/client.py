"""The client the workflow function is made with: which driver drives it follows from the settings.

Everything is passed to the SDK explicitly, so that no INNGEST_* variable beside ours (INNGEST_DEV above all) can turn
the signature check off or send events elsewhere.
"""

import secrets
from functools import lru_cache

import inngest
from asgiref.sync import sync_to_async
from django.conf import settings

from governance.workflow.embedded import inbox

APP_ID = "atlas_governance"
SEND_TIMEOUT_MS = 10_000

CLOUD_API = "https://api.inngest.com/"
CLOUD_EVENTS = "https://inn.gs/"
NOWHERE = "http://127.0.0.1:9/"  # the embedded executor makes no request; this would be refused
_process_key = secrets.token_hex(32)


class EmbeddedClient(inngest.Inngest):
    """Sends into the executor's inbox, within the caller's transaction. Nothing else differs."""

    def __init__(self, app_id: str = APP_ID) -> None:
        super().__init__(
            app_id=app_id, is_production=True, signing_key=_process_key, event_key="embedded",
            api_base_url=NOWHERE, event_api_base_url=NOWHERE,
        )

    def send_sync(
        self, events: inngest.Event | list[inngest.Event], *, skip_middleware: bool = False
    ) -> list[str]:
        """Raises inbox.EventRefused for an event that has no place there."""
        return inbox.accept(events if isinstance(events, list) else [events])

    async def send(
        self, events: inngest.Event | list[inngest.Event], *, skip_middleware: bool = False
    ) -> list[str]:
        return await sync_to_async(self.send_sync)(events)


def is_embedded() -> bool:
    return settings.WORKFLOW_DRIVER == "embedded"


def workflow_client() -> inngest.Inngest:
    """The client of the driver that is set."""
    if is_embedded():
        return _embedded_client()
    return server_client(settings.INNGEST_SIGNING_KEY, settings.INNGEST_EVENT_KEY, settings.INNGEST_BASE_URL)


@lru_cache(maxsize=1)
def _embedded_client() -> EmbeddedClient:
    return EmbeddedClient()


@lru_cache(maxsize=4)
def server_client(signing_key: str, event_key: str, base_url: str, app_id: str = APP_ID) -> inngest.Inngest:
    """A client of an Inngest server; an empty base URL means Inngest Cloud."""
    return inngest.Inngest(
        app_id=app_id, is_production=True, signing_key=signing_key, event_key=event_key,
        api_base_url=base_url or CLOUD_API, event_api_base_url=base_url or CLOUD_EVENTS,
        request_timeout=SEND_TIMEOUT_MS,
    )
