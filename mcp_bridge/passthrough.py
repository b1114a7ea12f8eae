"""What a tool server sent reaches the agent as it is.

The SDK reshapes every answer to the fields that it knows for the client's protocol version; vendors' own annotations,
fields and nulls would be lost on the way. So a handler also keeps the exact JSON here, and the middleware puts it back
after the SDK has validated the answer and added what belongs to the envelope.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Self

from mcp import types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types import SERVER_INFO_META_KEY
from pydantic import PrivateAttr

ENVELOPE = ("resultType", "ttlMs", "cacheScope")  # the SDK's to fill, where the protocol version has them

_kept: ContextVar[list[Mapping[str, Any]] | None] = ContextVar("kept", default=None)


class ExactResult(types.CallToolResult):
    """A tool's result that leaves as the JSON it was made of, `exact`."""

    _json: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def exact(self) -> dict[str, Any]:
        return dict(self._json)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Raises pydantic.ValidationError for what is no result."""
        made = cls.model_validate(body)
        made._json = dict(body)
        return made

    def model_dump(self, **options: Any) -> dict[str, Any]:
        return {"resultType": "complete", **self._json}


def keep(answer: Mapping[str, Any]) -> None:
    """Remembers what the handler of the current message answers, without envelope."""
    kept = _kept.get()
    if kept is not None:
        kept.append(answer)


async def restore(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """The server's middleware: the answer that was kept, in the envelope that the SDK made."""
    kept: list[Mapping[str, Any]] = []
    token = _kept.set(kept)
    try:
        result = await call_next(ctx)
    finally:
        _kept.reset(token)
    return _in_envelope(kept[-1], result) if kept and isinstance(result, dict) else result


def _in_envelope(exact: Mapping[str, Any], shaped: Mapping[str, Any]) -> dict[str, Any]:
    answer = {**exact, **{name: shaped[name] for name in ENVELOPE if name in shaped}}
    stamp = (shaped.get("_meta") or {}).get(SERVER_INFO_META_KEY)
    if stamp is not None:
        answer["_meta"] = {**(exact.get("_meta") or {}), SERVER_INFO_META_KEY: stamp}
    return answer
