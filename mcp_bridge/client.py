"""What an agent's client can do, read from one of its messages."""

from collections.abc import Mapping
from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_bridge.downstream import live
from mcp_bridge.talk import CANCELLED, Client, answer_seconds
from mcp_bridge.tasks import EXTENSION


def client_of(ctx: Any) -> Client:
    """Raises MCPError for malformed answers to questions."""
    is_modern, can_be_asked = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS, takes_forms(ctx)
    state, answers = _repetition(ctx) if is_modern else (None, {})
    return Client(
        report=ctx.session.report_progress,
        ask=_ask(ctx) if can_be_asked and not is_modern else None,
        takes_input_required=can_be_asked and is_modern,
        takes_tasks=declares_tasks(ctx),
        was_cancelled=lambda: was_cancelled(ctx),
        state=state,
        answers=answers,
    )


def declares_tasks(ctx: Any) -> bool:
    """On 2026-07-28 only, and for this one request."""
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return False
    return ctx.session.check_client_capability(types.ClientCapabilities(extensions={EXTENSION: {}}))


def was_cancelled(ctx: Any) -> bool:
    """Whether the client itself took the request back (notifications/cancelled), and did not merely go away.

    On 2026-07-28 over Streamable HTTP that cannot be told apart, and counts as going away.
    """
    event = getattr(getattr(ctx.session, "_request_outbound", None), "cancel_requested", None)
    return event is not None and event.is_set()


def takes_forms(ctx: Any) -> bool:
    """Whether the client can put a form before somebody."""
    capabilities = ctx.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    # Forms are what a client means that declares nothing in particular.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _repetition(ctx: Any) -> tuple[str | None, Mapping[str, Any]]:
    """The state and the answers with which a client repeats a call that was answered by a question."""
    params = ctx.params or {}
    state, answers = params.get("requestState"), params.get("inputResponses", {})
    if not isinstance(answers, dict) or not isinstance(state, str | None):
        raise MCPError(types.INVALID_PARAMS, "inputResponses must be an object and requestState a string.")
    return state, answers


def _ask(ctx: Any) -> live.Question:
    """Asks the client in the middle of its call, as servers could before 2026-07-28."""

    async def ask(params: Mapping[str, Any]) -> dict[str, Any]:
        form = types.ElicitRequestFormParams.model_validate({**params, "mode": "form"})
        try:
            answer = await ctx.session.send_request(
                types.ElicitRequest(params=form), types.ElicitResult, request_read_timeout_seconds=answer_seconds(),
                metadata=ServerMessageMetadata(related_request_id=ctx.request_id),
            )
        except MCPError:  # it took too long, or its client cannot do what it declared
            return CANCELLED
        return answer.model_dump(mode="json", by_alias=True, exclude_none=True)

    return ask
