"""What a policy is asked about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PolicyCall:
    """One tool call before anything runs. Annotations are the pinned ones; arguments hold plain JSON types.

    `tool` is the name that the tool server gave, `exposed_name` the one that agents call (server__tool).
    """

    agent: str
    server: str
    tool: str
    exposed_name: str
    annotations: Mapping[str, Any]
    arguments: Mapping[str, Any]
