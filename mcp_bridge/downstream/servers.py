"""Remote tool servers as rows: their connection, and the backend that the workflow calls."""

from collections.abc import Callable, Mapping
from typing import Any

from governance.actions.tool_servers import secrets_of
from governance.errors import DownstreamFailed
from governance.events import wake_work
from governance.models import ToolServer
from governance.toolservers import ToolDefinition, ToolResult, running_request
from mcp_bridge.downstream import live
from mcp_bridge.downstream.remote import Connection, Endpoint, Pool, run_sync

REFRESH = "tool servers"  # the background loop that reads lists again
MARGIN_SECONDS = 10.0  # less than the margin of an execution's lease
LIST_SECONDS = 90.0  # a stdio server may have to be downloaded first

changed: set[str] = set()  # keys of servers that announced another list of tools


def _note_change(key: str, what: str) -> None:
    if what == "tools":
        changed.add(key)
        wake_work(REFRESH)
    for tell in _offers_listeners:
        tell(what)


_offers_listeners: list[Callable[[str], None]] = []


def on_offers_changed(tell: Callable[[str], None]) -> None:
    """`tell` is called with "tools", "resources" or "prompts", on the home loop. It must return at once."""
    _offers_listeners.append(tell)


pool = Pool(on_changed=_note_change)


def key_of(server: ToolServer) -> str:
    """Names the server in errors, logs and the pool."""
    return f"{server.team.slug}/{server.slug}"


def endpoint_of(server: ToolServer) -> Endpoint:
    """Where it is, with its secrets. Raises DownstreamFailed for a row of no use, Unreadable without its key."""
    headers, env = secrets_of(server)
    try:
        return Endpoint(
            key=key_of(server), kind=server.kind, url=server.url, headers=tuple(sorted(headers.items())),
            command=server.command, args=tuple(server.args), env=tuple(sorted(env.items())), cwd=server.cwd,
            timeout_seconds=server.call_seconds, max_result_bytes=server.max_result_bytes,
        )
    except ValueError as error:
        raise DownstreamFailed(f"{error} Nothing was sent.") from error


def connection_of(server: ToolServer) -> Connection:
    return pool.connection(endpoint_of(server))


class RemoteServer:
    """The backend of the kinds http, sse and stdio."""

    def __init__(self, server: ToolServer) -> None:
        self._endpoint = endpoint_of(server)

    def list_tools(self) -> list[ToolDefinition]:
        return run_sync(pool.connection(self._endpoint).list_tools(), LIST_SECONDS)

    def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        request_id = running_request.get()
        call = pool.connection(self._endpoint).call(
            tool, arguments, on_progress=live.progress_of(request_id), on_elicit=live.question_of(request_id)
        )
        return run_sync(live.cancellable(request_id, call), self._endpoint.timeout_seconds + MARGIN_SECONDS)

    def read(self, tool: str, arguments: Mapping[str, Any], *, seconds: float) -> ToolResult:
        """A tool without effect, for a person who looks or for a name; within `seconds`. Nobody is there to be asked.

        Giving up says nothing about the server: its breaker does not count it.
        """
        return run_sync(pool.connection(self._endpoint).call(tool, arguments), seconds)
