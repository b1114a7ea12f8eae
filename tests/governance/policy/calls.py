"""Calls to ask policies about."""

from typing import Any

from governance.policy import PolicyCall


def a_call(**changes: Any) -> PolicyCall:
    """An agent that pays; every field may be changed, arguments included."""
    fields: dict[str, Any] = {
        "agent": "invoice-bot", "server": "bank", "tool": "pay_invoice", "exposed_name": "bank__pay_invoice",
        "annotations": {}, "arguments": {"amount": 5000, "currency": "EUR"},
    }  # fmt: skip
    return PolicyCall(**(fields | changes))
