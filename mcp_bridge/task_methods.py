"""tasks/get, tasks/cancel and tasks/update on the wire. Checked in this order: version, header, declaration, owner."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.db import Error
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from governance.errors import InvalidArguments
from mcp_bridge import database, tasks
from mcp_bridge.auth import Caller
from mcp_bridge.client import declares_tasks, takes_forms

METHOD_NOT_FOUND = -32601
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021

FindCaller = Callable[[], Awaitable[Caller]]
Handle = Callable[[Any, Any], Awaitable[dict[str, Any]]]


class TaskParams(types.RequestParams):
    task_id: str


class UpdateParams(TaskParams):
    input_responses: dict[str, Any]


def add_task_methods(server: Server[Any], find_caller: FindCaller) -> None:
    server.extensions[tasks.EXTENSION] = {}

    async def get(ctx: Any, params: TaskParams) -> dict[str, Any]:
        who, can_be_asked = await find_caller(), takes_forms(ctx)
        state = await database.read(tasks.state, who, params.task_id, can_be_asked=can_be_asked)
        return {**state, "resultType": "complete"}

    async def cancel(ctx: Any, params: TaskParams) -> dict[str, Any]:
        await database.write(tasks.cancel, await find_caller(), params.task_id)
        return {"resultType": "complete"}

    async def update(ctx: Any, params: UpdateParams) -> dict[str, Any]:
        await tasks.update(await find_caller(), params.task_id, params.input_responses)
        return {"resultType": "complete"}

    server.add_request_handler("tasks/get", TaskParams, _checked(get))
    server.add_request_handler("tasks/cancel", TaskParams, _checked(cancel))
    server.add_request_handler("tasks/update", UpdateParams, _checked(update))


def _checked(handle: Handle) -> Handle:
    async def checked(ctx: Any, params: TaskParams) -> dict[str, Any]:
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            raise MCPError(METHOD_NOT_FOUND, "Tasks need the protocol version 2026-07-28.")
        if ctx.request is not None and ctx.request.headers.get("mcp-name", params.task_id) != params.task_id:
            raise MCPError(HEADER_MISMATCH, "The header Mcp-Name is not the taskId of the request.")
        if not declares_tasks(ctx):
            raise MCPError(
                MISSING_CAPABILITY, f"This request does not declare the extension {tasks.EXTENSION}.",
                {"requiredCapabilities": {"extensions": {tasks.EXTENSION: {}}}},
            )
        try:
            return await handle(ctx, params)
        except tasks.NoSuchTask:
            raise MCPError(types.INVALID_PARAMS, "No such task among yours.") from None
        except InvalidArguments as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from error
        except Error as error:
            raise MCPError(types.INTERNAL_ERROR, "The gateway cannot reach its database. Try again later.") from error

    return checked
