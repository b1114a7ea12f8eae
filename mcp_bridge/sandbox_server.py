"""The demo's tool server, MCP on stdin and stdout: `python mcp_bridge/sandbox_server.py FOLDER`.

fs_list, fs_read, fs_write and shell_exec in one folder (mcp_bridge/sandbox, docs/sandbox.md). It runs without Django
and knows nothing of the gateway. stdout carries JSON-RPC alone; everything else goes to stderr.
"""

import logging
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Started as a file, from whatever folder: Python would look for modules beside it, and with -m in the working
    # directory, which may be a sandbox that an agent writes json.py into.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import anyio
import anyio.to_thread
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from mcp_bridge.sandbox import Refused, confine
from mcp_bridge.sandbox.first_run import open_folder
from mcp_bridge.sandbox.paths import Folder
from mcp_bridge.sandbox.tools import TOOLS

log = logging.getLogger("atlas.sandbox")

NAME = "atlas-sandbox"
VERSION = "1.0.0"
AT_ONCE = 4  # calls that run beside each other; the others wait
INSTRUCTIONS = "Files and a few read-only commands in one sandbox folder. Start with fs_list, then fs_read README.txt."


def build_server(folder: Folder) -> Server[Any]:
    at_once = anyio.CapacityLimiter(AT_ONCE)

    async def list_tools(ctx: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.definition for tool in TOOLS.values()])

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None:
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool. There are: {', '.join(TOOLS)}.")
        return await anyio.to_thread.run_sync(tool.call, folder, params.arguments or {}, limiter=at_once)

    return Server(
        NAME, version=VERSION, title="ATLAS sandbox", instructions=INSTRUCTIONS, on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def serve(folder: Folder) -> None:
    """Serves until stdin closes."""
    server = build_server(folder)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def main(arguments: list[str]) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    if len(arguments) != 1 or arguments[0].startswith("-"):
        log.error("usage: python %s FOLDER", Path(__file__).name)
        return 2
    try:
        folder = open_folder(Path(arguments[0]))
    except Refused as refused:
        log.error("%s", refused)
        return 1
    if not confine.landlock_version():
        log.warning("no Landlock here: commands are confined by the checks of their arguments alone")
    try:
        anyio.run(serve, folder)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
