"""The server itself: tools, resources, templates, prompts, completion, subscriptions."""

import json
import re

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPError

from tests.conformance.everything import during, jobs, registry, rounds, tools
from tests.conformance.everything.media import IMAGE, PNG, embedded
from tests.conformance.everything.registry import STRING, Context, schema

RESOURCES = [
    types.Resource(uri="test://static-text", name="text", description="A text", mime_type="text/plain"),
    types.Resource(uri="test://static-binary", name="image", description="An image", mime_type="image/png"),
    types.Resource(uri="test://watched-resource", name="watched", description="To watch", mime_type="text/plain"),
]
TEMPLATE = "test://template/{id}/data"
DECLARING = (tools, during, rounds, jobs)  # importing them fills registry.TOOLS
PROMPTS = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}


async def _list_tools(ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[definition for definition, _ in registry.TOOLS.values()])


def _tool_schema(name: str) -> registry.Schema | None:
    return registry.TOOLS[name][0].input_schema if name in registry.TOOLS else None


async def _list_resources(ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    return types.ListResourcesResult(resources=RESOURCES)


async def _list_templates(
    ctx: Context, params: types.PaginatedRequestParams | None
) -> types.ListResourceTemplatesResult:
    template = types.ResourceTemplate(
        uri_template=TEMPLATE, name="template", description="One text per id", mime_type="application/json"
    )
    return types.ListResourceTemplatesResult(resource_templates=[template])


def _contents(uri: str) -> types.TextResourceContents | types.BlobResourceContents:
    if uri == "test://static-text":
        value = "This is the content of the static text resource."
    elif uri == "test://watched-resource":
        value = "Watched resource content"
    elif uri == "test://static-binary":
        return types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
    elif found := re.fullmatch(r"test://template/([^/]+)/data", uri):
        value = json.dumps({"id": found[1], "templateTest": True, "data": f"Data for ID: {found[1]}"})
        return types.TextResourceContents(uri=uri, mime_type="application/json", text=value)
    else:
        raise MCPError(code=types.INVALID_PARAMS, message="Resource not found", data={"uri": uri})
    return types.TextResourceContents(uri=uri, mime_type="text/plain", text=value)


async def _read_resource(ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[_contents(str(params.uri))])


async def _subscribe(
    ctx: Context, params: types.SubscribeRequestParams | types.UnsubscribeRequestParams
) -> types.EmptyResult:
    _contents(str(params.uri))
    return types.EmptyResult()


async def _list_prompts(ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    return types.ListPromptsResult(prompts=[
        types.Prompt(
            name=name, description=f"The prompt {name}",
            arguments=[types.PromptArgument(name=key, description=key, required=True) for key in keys],
        )
        for name, keys in PROMPTS.items()
    ])


async def _get_prompt(
    ctx: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    given = params.arguments or {}
    missing = [key for key in PROMPTS.get(params.name, ("",)) if key not in given]
    if missing:
        raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown prompt or missing argument: {params.name}")
    if params.name == "test_input_required_result_prompt":
        return _prompt_that_asks(params)
    blocks: dict[str, list[types.ContentBlock | str]] = {
        "test_simple_prompt": ["This is a simple prompt for testing."],
        "test_prompt_with_arguments": [
            f"Prompt with arguments: arg1='{given.get('arg1')}', arg2='{given.get('arg2')}'"
        ],
        "test_prompt_with_embedded_resource": [
            embedded(given.get("resourceUri", ""), "Embedded resource content for testing."),
            "Please process the embedded resource above.",
        ],
        "test_prompt_with_image": [IMAGE, "Please analyze the image above."],
    }
    return _messages(*blocks[params.name])


def _messages(*blocks: types.ContentBlock | str) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[
        types.PromptMessage(
            role="user", content=types.TextContent(type="text", text=block) if isinstance(block, str) else block
        )
        for block in blocks
    ])


def _prompt_that_asks(params: types.GetPromptRequestParams) -> types.GetPromptResult | types.InputRequiredResult:
    given = rounds.content(rounds.answers(params).get("user_context"))
    if "context" not in given:
        return rounds.ask(user_context=rounds.form("What context?", schema(("context",), context=STRING)))
    return _messages(f"Use this context: {given['context']}")


async def _complete(ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    return types.CompleteResult(completion=types.Completion(values=[], total=0, has_more=False))


async def _set_level(ctx: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
    return types.EmptyResult()


def build_server() -> Server:
    server = Server(
        "everything",
        version="1",
        instructions="A server for conformance tests.",
        get_tool_input_schema=_tool_schema,
        on_list_tools=_list_tools,
        on_call_tool=registry.call,
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_templates,
        on_read_resource=_read_resource,
        on_subscribe_resource=_subscribe,
        on_unsubscribe_resource=_subscribe,
        on_subscriptions_listen=ListenHandler(tools.BUS),
        on_list_prompts=_list_prompts,
        on_get_prompt=_get_prompt,
        on_completion=_complete,
    )
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, _set_level)
    return server
