"""The Django admin, one file per group of tables. Django loads this package by its name."""

from reviews.admin import agents, executor, history, people, policies, requests, tools, webhooks, welfare
from reviews.admin.site import site

__all__ = [
    "agents", "executor", "history", "people", "policies", "requests", "site", "tools", "webhooks", "welfare",
]
