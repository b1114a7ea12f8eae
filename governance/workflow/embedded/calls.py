"""Calling the functions as a server does: through the SDK's own Django view, with a signed request.

Only public API of the SDK: `inngest.django.serve` and the JSON it speaks.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import inngest
import inngest.django
import jcs
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from governance.workflow.embedded.configs import FunctionConfig, parse_config
from governance.workflow.signatures import HEADER, sign

PATH = "/api/inngest"
# "localhost" is always an allowed host: an Inngest server on this machine calls by that name too.
ORIGIN = {"SERVER_NAME": "localhost", "SERVER_PORT": "80"}


@dataclass(frozen=True)
class Answer:
    """What a call of a function gave: operations (206), the function's output (200) or an error (anything else)."""

    status: int
    body: Any
    retryable: bool = True
    retry_after: str = ""

    @property
    def error(self) -> dict[str, str]:
        body = self.body if isinstance(self.body, dict) else {}
        return {
            "name": str(body.get("name") or "Error"),
            "message": str(body.get("message") or f"the function answered with status {self.status}"),
            "stack": str(body.get("stack") or ""),
        }


def failure(name: str, message: str, *, retryable: bool = True) -> Answer:
    return Answer(status=500, body={"name": name, "message": message, "stack": ""}, retryable=retryable)


@dataclass
class Functions:
    """The functions behind one view, by id. Raises ImproperlyConfigured for options this executor has not."""

    client: inngest.Inngest
    functions: list[inngest.Function]
    configs: dict[str, FunctionConfig] = field(init=False)

    def __post_init__(self) -> None:
        self._view = inngest.django.serve(self.client, self.functions, enable_unauthed_sync=False).callback
        if iscoroutinefunction(self._view):
            raise ImproperlyConfigured("The embedded executor drives synchronous functions only; one here is async.")
        self._requests = RequestFactory(**ORIGIN)
        self.configs = {raw["id"]: parse_config(raw) for raw in self._sync()["functions"]}

    def triggered_by(self, event_name: str) -> list[FunctionConfig]:
        return [config for config in self.configs.values() if event_name in config.events and not config.failure_of]

    def failure_of(self, function_id: str) -> FunctionConfig | None:
        return next((config for config in self.configs.values() if config.failure_of == function_id), None)

    def call(self, function_id: str, *, step_id: str, payload: dict[str, Any]) -> Answer:
        """One call. Never raises for what the function does; the answer says it."""
        body = jcs.canonicalize(payload)
        response = self._view(self._requests.post(
            f"{PATH}?fnId={function_id}&stepId={step_id}", data=body, content_type="application/json",
            headers={HEADER: sign(body, self.client.signing_key), "X-Inngest-Server-Kind": "cloud"},
        ))
        try:
            content = json.loads(response.content, parse_constant=_refuse_constant)
        except ValueError as error:
            return failure("OutputUnserializableError", f"the output is not JSON: {error}")
        return Answer(
            status=response.status_code, body=content,
            retryable=response.headers.get("X-Inngest-No-Retry") != "true",
            retry_after=response.headers.get("Retry-After", ""),
        )

    def _sync(self) -> dict[str, Any]:
        body = jcs.canonicalize({"url": f"http://localhost{PATH}"})
        response = self._view(self._requests.put(
            PATH, data=body, content_type="application/json",
            headers={HEADER: sign(body, self.client.signing_key), "X-Inngest-Sync-Kind": "in_band"},
        ))
        content = json.loads(response.content)
        if response.status_code != 200:
            raise ImproperlyConfigured(f"The functions cannot be served: {content.get('message', content)}")
        return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")
