"""The Django admin, one file per group of tables. Django loads this package by its name."""

from reviews.admin import (
    agents,
    definitions,
    executor,
    history,
    people,
    policies,
    requests,
    servers,
    tools,
    webhooks,
    welfare,
)
from reviews.admin.site import site

__all__ = [
    "agents", "definitions", "executor", "history", "people", "policies", "requests", "servers", "site", "tools",
    "webhooks", "welfare",
]
