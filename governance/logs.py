"""The request's reference in every log line."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_reference: ContextVar[str] = ContextVar("reference", default="-")


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
            record.reference = _reference.get()
        return True
