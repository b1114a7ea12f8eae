"""How a tool of the fixture server is declared: a coroutine, its name, its docstring and a schema."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import jsonschema
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

Context = ServerRequestContext[Any, Any]
Answer = types.CallToolResult | types.InputRequiredResult
Schema = dict[str, Any]
STRING: Schema = {"type": "string"}


@dataclass(frozen=True)
class Call:
    """One tools/call: `ctx` speaks to its client, `params` holds the arguments and what an earlier round asked for."""

    ctx: Context
    params: types.CallToolRequestParams

    @property
    def arguments(self) -> dict[str, Any]:
        return self.params.arguments or {}


Run = Callable[[Call], Awaitable[Answer | str]]
TOOLS: dict[str, tuple[types.Tool, Run]] = {}


def schema(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def tool(input_schema: Schema | None = None) -> Callable[[Run], Run]:
    """Registers a coroutine under its own name. A string that it returns is a text result."""

    def register(run: Run) -> Run:
        name = run.__name__
        TOOLS[name] = (
            types.Tool(name=name, description=run.__doc__, input_schema=input_schema or schema()), run
        )
        return run

    return register


def text(value: str, *, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=value)], is_error=is_error)


async def call(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    if params.name not in TOOLS:
        raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name}")
    definition, run = TOOLS[params.name]
    try:
        jsonschema.validate(params.arguments or {}, definition.input_schema)
    except jsonschema.ValidationError as wrong:
        return text(f"Wrong arguments: {wrong.message}", is_error=True)
    answer = await run(Call(ctx, params))
    return text(answer) if isinstance(answer, str) else answer
