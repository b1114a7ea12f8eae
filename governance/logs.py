"""The request's reference in every log line."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_reference: ContextVar[str] = ContextVar("reference")


@contextmanager
def log_reference(reference: str) -> Iterator[None]:
    """Every line logged inside carries this reference."""
    token = _reference.set(reference)
    try:
        yield
    finally:
        _reference.reset(token)


class ReferenceFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "reference"):
            record.reference = _reference.get(None) or _of_web_request(record) or "-"
        return True


def _of_web_request(record: logging.LogRecord) -> str:
    """Django's own line about an answer comes after the view, which left the reference on the web request."""
    request = getattr(record, "request", None)
    match = getattr(request, "resolver_match", None)
    return getattr(request, "reference", "") or (str(match.kwargs.get("reference", "")) if match else "")
