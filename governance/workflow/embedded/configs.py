"""What the functions ask of their driver, and the refusal of everything this one does not do.

The configurations are read with the protocol's own in-band sync, so they are what an Inngest server would be told.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

FAILED_EVENT = "inngest/function.failed"
DEFAULT_RETRIES = 3
MAX_RETRIES = 20  # the server's own maximum

SUPPORTED = {"id", "name", "steps", "triggers"}
_FAILURE_OF = re.compile(r"^event\.data\.function_id == '([^'\\]+)'$")


@dataclass(frozen=True)
class FunctionConfig:
    id: str
    events: frozenset[str]
    max_attempts: int
    # The function whose failure starts this one; empty for an ordinary function.
    failure_of: str = ""


def parse_config(raw: dict[str, Any]) -> FunctionConfig:
    """One function of a sync body. Raises ImproperlyConfigured naming the option that is not supported."""
    function_id = raw["id"]
    for option, value in raw.items():
        if option not in SUPPORTED and value:
            raise ImproperlyConfigured(
                f"Function {function_id} asks for {option}. The embedded executor supports event triggers, retries and "
                "on_failure only; drive it with an Inngest server, or leave the option out."
            )
    failure_of = _failure_of(raw["triggers"])
    events = frozenset([FAILED_EVENT]) if failure_of else _events(function_id, raw["triggers"])
    return FunctionConfig(function_id, events, _retries(function_id, raw["steps"]) + 1, failure_of)


def _failure_of(triggers: list[dict[str, Any]]) -> str:
    """The function id of the trigger that the SDK writes for on_failure, else nothing."""
    if len(triggers) != 1 or triggers[0].get("event") != FAILED_EVENT:
        return ""
    match = _FAILURE_OF.match(triggers[0].get("expression") or "")
    return match[1] if match else ""


def _events(function_id: str, triggers: list[dict[str, Any]]) -> frozenset[str]:
    names = set()
    for trigger in triggers:
        unknown = {key for key, value in trigger.items() if value} - {"event"}
        if unknown:
            raise ImproperlyConfigured(
                f"Function {function_id} has a trigger with {', '.join(sorted(unknown))}. The embedded executor "
                "supports triggers by event name only."
            )
        if "*" in trigger["event"]:
            raise ImproperlyConfigured(
                f"Function {function_id} is triggered by the pattern {trigger['event']}. The embedded executor "
                "supports exact event names only."
            )
        names.add(trigger["event"])
    if not names:
        raise ImproperlyConfigured(f"Function {function_id} has no trigger.")
    return frozenset(names)


def _retries(function_id: str, steps: dict[str, dict[str, Any]]) -> int:
    retries = (steps["step"].get("retries") or {}).get("attempts", DEFAULT_RETRIES)
    if retries > MAX_RETRIES:
        raise ImproperlyConfigured(f"Function {function_id} asks for {retries} retries; the maximum is {MAX_RETRIES}.")
    return retries
