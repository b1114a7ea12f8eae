"""Tools that need an answer from the client's side and ask by another round of the same call (2026-07-28)."""

import hmac
from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError

from tests.conformance.everything.registry import STRING, Answer, Call, Schema, schema, tool

_KEY = b"signs the state that goes out and comes back"
_SIGNATURE = 64  # hex digits of SHA-256

NAME = schema(("name",), name=STRING)
CONFIRM = schema(("ok",), ok={"type": "boolean"})


def _sign(state: str) -> str:
    return hmac.new(_KEY, state.encode(), "sha256").hexdigest()


def _state(call: Call) -> str:
    """The state of the round before; empty in the first one. Refuses what this server did not send."""
    token = call.params.request_state
    if token is None:
        return ""
    signature, state = token[:_SIGNATURE], token[_SIGNATURE:]
    if not hmac.compare_digest(signature.encode(), _sign(state).encode()):
        raise MCPError(code=types.INVALID_PARAMS, message="The request state was changed.")
    return state


def ask(state: str = "", **requests: Any) -> types.InputRequiredResult:
    return types.InputRequiredResult(
        input_requests=requests or None, request_state=_sign(state) + state if state else None
    )


def form(message: str, requested: Schema) -> types.ElicitRequest:
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=requested))


def sample(prompt: str) -> types.CreateMessageRequest:
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=prompt))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[message], max_tokens=100))


def answers(params: types.CallToolRequestParams | types.GetPromptRequestParams) -> dict[str, Any]:
    return dict(params.input_responses or {})


def content(answer: Any) -> dict[str, Any]:
    """What the user filled in; nothing when declined."""
    return dict(answer.content or {}) if isinstance(answer, types.ElicitResult) else {}


@tool()
async def test_input_required_result_elicitation(call: Call) -> Answer | str:
    """Asks for a name, then greets."""
    given = content(answers(call.params).get("user_name"))
    return f"Hello, {given['name']}!" if "name" in given else ask(user_name=form("What is your name?", NAME))


@tool()
async def test_streaming_elicitation(call: Call) -> Answer | str:
    """Reports progress and asks, without a request of its own on the stream."""
    await call.ctx.session.report_progress(1, 2)
    given = content(answers(call.params).get("user_name"))
    return f"Hello, {given['name']}!" if "name" in given else ask(user_name=form("What is your name?", NAME))


@tool()
async def test_input_required_result_sampling(call: Call) -> Answer | str:
    """Asks the client's model for a capital."""
    answer = answers(call.params).get("capital_question")
    if not isinstance(answer, types.CreateMessageResult):
        return ask(capital_question=sample("What is the capital of France?"))
    return getattr(answer.content, "text", "")


@tool()
async def test_input_required_result_list_roots(call: Call) -> Answer | str:
    """Asks for the client's roots."""
    answer = answers(call.params).get("client_roots")
    if not isinstance(answer, types.ListRootsResult):
        return ask(client_roots=types.ListRootsRequest())
    return f"{len(answer.roots)} roots"


@tool()
async def test_input_required_result_request_state(call: Call) -> Answer | str:
    """Asks, and wants its state back."""
    if _state(call) == "asked" and "confirm" in answers(call.params):
        return "state-ok"
    return ask("asked", confirm=form("Please confirm", CONFIRM))


@tool()
async def test_input_required_result_tampered_state(call: Call) -> Answer | str:
    """Asks, and refuses a state that was changed."""
    return "state-ok" if _state(call) else ask("asked", confirm=form("Please confirm", CONFIRM))


@tool()
async def test_input_required_result_multiple_inputs(call: Call) -> Answer | str:
    """Asks three things at once."""
    _state(call)
    wanted = {
        "user_name": form("What is your name?", NAME),
        "greeting": sample("Generate a greeting"),
        "client_roots": types.ListRootsRequest(),
    }
    return "All inputs arrived" if wanted.keys() <= answers(call.params).keys() else ask("asked", **wanted)


@tool()
async def test_input_required_result_multi_round(call: Call) -> Answer | str:
    """Asks twice, one after the other."""
    state, given = _state(call), answers(call.params)
    if state.startswith("second:") and "step2" in given:
        return f"{state.removeprefix('second:')} likes {content(given['step2']).get('color')}"
    if state == "first" and "step1" in given:
        name = content(given["step1"]).get("name", "")
        return ask(f"second:{name}", step2=form("Step 2: What is your favourite colour?", schema(color=STRING)))
    return ask("first", step1=form("Step 1: What is your name?", NAME))


@tool()
async def test_input_required_result_capabilities(call: Call) -> Answer | str:
    """Asks only in ways that the client declared."""
    declared = call.ctx.session.client_capabilities
    requests: dict[str, Any] = {}
    if declared and declared.sampling is not None:
        requests["sample"] = sample("Say hello")
    if declared and declared.elicitation is not None:
        requests["user_name"] = form("What is your name?", NAME)
    return ask("asked", **requests)
