"""Connection: one tool server, whatever the transport. What it raises tells whether a call can have had its effect."""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcp.shared.inbound import find_invalid_x_mcp_header, mcp_param_headers, x_mcp_header_map

from governance.errors import DownstreamFailed, DownstreamUnknown
from governance.toolservers import ToolDefinition, ToolResult
from mcp_bridge.downstream.remote.breaker import Breaker, Health
from mcp_bridge.downstream.remote.cut import keep
from mcp_bridge.downstream.remote.endpoint import MIB, Endpoint
from mcp_bridge.downstream.remote.faults import (
    NOT_BEGUN,
    Lost,
    Refused,
    RpcError,
    SessionLost,
    TooLarge,
    Unreachable,
    clean,
)
from mcp_bridge.downstream.remote.messages import (
    ENVELOPE_BYTES,
    LIST_DEPTH,
    MAX_DEPTH,
    Malformed,
    tool_definition,
    tool_result,
)
from mcp_bridge.downstream.remote.wire import Bounds, Exchange, OnElicit, OnProgress, Opened, Wire, ask

log = logging.getLogger(__name__)

MAX_CONCURRENT = 64
MAX_WAITING = 256
MAX_PAGES = 100
MAX_LISTED = 2_000
LISTS = Bounds(4 * MIB, LIST_DEPTH)
OPEN_SECONDS = {"http": 15.0, "sse": 15.0, "stdio": 60.0}  # npx and uvx may have to download first
MAX_ROUNDS = 10
MAX_QUESTIONS = 16
STATE_ONLY_PAUSE_SECONDS = 0.1


class Connection:
    """Opened by the first request and again by the next one after it was lost. Lives on one event loop.

    `open_wire` opens the transport. A tools/call is sent at most once; reads are repeated once after a lost session.
    """

    def __init__(self, endpoint: Endpoint, open_wire: Callable[[], Awaitable[Wire]]) -> None:
        self.endpoint = endpoint
        self._open_wire = open_wire
        self._bounds = Bounds(endpoint.max_result_bytes + ENVELOPE_BYTES, MAX_DEPTH + 2)
        self._wire: Wire | None = None
        self._opening: asyncio.Task[Wire] | None = None
        self._breaker = Breaker(endpoint.key)
        self._active = self._waiting = 0
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)
        self._header_maps: dict[str, tuple[Any, dict[tuple[str, ...], str]]] = {}
        self._closed = False

    # What is known about the server; empty before the first request.

    @property
    def opened(self) -> Opened | None:
        return self._wire.opened if self._wire else None

    @property
    def server_info(self) -> Mapping[str, Any]:
        return self.opened.server_info if self.opened else {}

    @property
    def capabilities(self) -> Mapping[str, Any]:
        return self.opened.capabilities if self.opened else {}

    @property
    def protocol_version(self) -> str:
        return self.opened.protocol_version if self.opened else ""

    @property
    def instructions(self) -> str:
        return self.opened.instructions if self.opened else ""

    @property
    def health(self) -> Health:
        return self._breaker.health

    @property
    def active(self) -> int:
        """How many requests are under way or waiting for their turn."""
        return self._active + self._waiting

    # The requests.

    async def call(
        self, tool: str, arguments: Mapping[str, Any], *, meta: Mapping[str, Any] | None = None,
        input_schema: Mapping[str, Any] | None = None, on_progress: OnProgress | None = None,
        on_elicit: OnElicit | None = None,
    ) -> ToolResult:
        """Runs the tool, once. A result over the endpoint's limit comes back cut, with a note.

        Of the caller's `meta`, what belongs to its own exchange (progress token, protocol fields) is not passed on.
        `input_schema` is needed only for tools that mirror arguments into headers (x-mcp-header) and only until they
        were listed here. Raises DownstreamFailed when it certainly had no effect, DownstreamUnknown when nobody can
        say.
        """
        params: dict[str, Any] = {"name": tool, "arguments": arguments}
        if meta and (passed := {name: value for name, value in meta.items() if not _is_of_this_hop(name)}):
            params["_meta"] = passed
        try:
            headers = self._mirrored(tool, arguments, input_schema)
            return tool_result(
                await self._with_input("tools/call", params, self._bounds, on_progress, on_elicit, headers)
            )
        except TooLarge as cut:
            if b'"result"' not in cut.head:
                raise Lost(f"The tool server {self.endpoint.key} sent far more than an answer, and no result.") from cut
            return await asyncio.to_thread(keep, cut, self.endpoint.max_result_bytes)
        except Malformed as error:
            raise Lost(f"The answer of the tool server {self.endpoint.key} {error}.") from error
        except RpcError as error:
            text = f"The tool server {self.endpoint.key} answered with an error: {error}."
            if error.code in NOT_BEGUN:
                raise Refused(f"{text} Nothing was run.") from error
            raise DownstreamUnknown(text) from error

    async def list_tools(self) -> list[ToolDefinition]:
        """Every tool that is described as MCP demands; others are left out and logged. Raises DownstreamFailed."""
        tools = []
        for raw in await self._listed("tools/list", "tools"):
            try:
                definition = tool_definition(raw)
            except Malformed as error:
                log.warning("%s %s; that tool is left out", self.endpoint.key, error)
                continue
            self._mirrored(definition.name, {}, definition.input_schema)
            tools.append(definition)
        return tools

    async def list_resources(self) -> list[dict[str, Any]]:
        return await self._listed("resources/list", "resources")

    async def list_resource_templates(self) -> list[dict[str, Any]]:
        return await self._listed("resources/templates/list", "resourceTemplates")

    async def list_prompts(self) -> list[dict[str, Any]]:
        return await self._listed("prompts/list", "prompts")

    async def read_resource(self, uri: str, *, on_elicit: OnElicit | None = None) -> dict[str, Any]:
        """`{"contents": [...]}`. Raises DownstreamFailed."""
        return await self._read("resources/read", {"uri": uri}, self._bounds, on_elicit)

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None, *, on_elicit: OnElicit | None = None
    ) -> dict[str, Any]:
        """`{"messages": [...], "description": "…"}`. Raises DownstreamFailed."""
        params = {"name": name, "arguments": arguments or {}}
        return await self._read("prompts/get", params, self._bounds, on_elicit)

    async def complete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """`{"completion": {"values": [...]}}` for `{"ref", "argument", "context"}`. Raises DownstreamFailed."""
        return await self._read("completion/complete", dict(params), self._bounds, None)

    async def open(self) -> Opened:
        """Makes sure that the server is there. Raises DownstreamFailed."""
        return (await self._ready()).opened

    async def close(self) -> None:
        self._closed = True
        opening, wire = self._opening, self._wire
        if opening and not opening.done():
            opening.cancel()
        if wire:
            await wire.close()

    # How they are made.

    async def _listed(self, method: str, field: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        cursor, seen = None, set()
        for _ in range(MAX_PAGES):
            page = await self._read(method, {"cursor": cursor} if cursor else {}, LISTS, None)
            found = page.get(field)
            if not isinstance(found, list):
                raise DownstreamFailed(f"The answer of the tool server {self.endpoint.key} to {method} has no list.")
            entries += [entry for entry in found if isinstance(entry, dict)]
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or cursor in seen:
                return entries
            if len(entries) > MAX_LISTED:
                break
            seen.add(cursor)
        raise DownstreamFailed(
            f"The tool server {self.endpoint.key} lists more than the gateway takes ({MAX_LISTED:,} entries on "
            f"{MAX_PAGES} pages) in answer to {method}."
        )

    async def _read(
        self, method: str, params: dict[str, Any], bounds: Bounds, on_elicit: OnElicit | None
    ) -> dict[str, Any]:
        """A request without effect. Whatever goes wrong is DownstreamFailed; a lost session is opened again, once."""
        for last in (False, True):
            try:
                return await self._with_input(method, params, bounds, None, on_elicit)
            except SessionLost:
                if last:
                    raise
            except RpcError as error:
                raise DownstreamFailed(f"The tool server {self.endpoint.key} refused {method}: {error}.") from error
            except TooLarge as error:
                key, most = self.endpoint.key, bounds.max_bytes
                raise DownstreamFailed(
                    f"The answer of the tool server {key} to {method} is larger than {most:,} bytes."
                ) from error
            except DownstreamUnknown as error:
                raise DownstreamFailed(str(error)) from error
        raise AssertionError("unreachable")

    async def _with_input(
        self, method: str, params: dict[str, Any], bounds: Bounds, on_progress: OnProgress | None,
        on_elicit: OnElicit | None, headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One request and, on 2026-07-28, its continuations: a result that asks for input is answered and goes on."""
        for round_ in range(MAX_ROUNDS):
            try:
                result = await self._request(method, params, bounds, on_progress, on_elicit, headers or {})
            except (RpcError, DownstreamFailed) as error:
                if round_ == 0:
                    raise
                raise DownstreamUnknown(f"{error} This came after the tool had begun and asked for input.") from error
            if result.get("resultType") != "input_required":
                return result
            params = {**params, **await self._input(result, on_elicit)}
        raise Lost(f"The tool server {self.endpoint.key} asked for input more than {MAX_ROUNDS} times.")

    async def _input(self, result: Mapping[str, Any], on_elicit: OnElicit | None) -> dict[str, Any]:
        """The parameters that continue a call. Only forms can be answered."""
        asked, state = result.get("inputRequests") or {}, result.get("requestState")
        if not isinstance(asked, dict) or not isinstance(state, str | None) or len(asked) > MAX_QUESTIONS:
            raise Lost(f"The tool server {self.endpoint.key} asked for input in a way that the gateway cannot read.")
        if not asked and state is None:
            raise Lost(f"The tool server {self.endpoint.key} asked for input without saying which.")
        for request in asked.values():
            if not isinstance(request, dict) or request.get("method") != "elicitation/create":
                what = clean(request.get("method")) if isinstance(request, dict) else "something unreadable"
                raise DownstreamUnknown(
                    f"The tool server {self.endpoint.key} asked for {what} in the middle of the call, which the "
                    "gateway does not offer."
                )
        # All at once: the agent's client may show them together.
        given = await asyncio.gather(
            *(ask(on_elicit, request.get("params"), name) for name, request in asked.items())
        )
        answers = dict(zip(asked, given, strict=True))
        if not asked:
            await asyncio.sleep(STATE_ONLY_PAUSE_SECONDS)
        carried = {"inputResponses": answers} if asked else {}
        return carried if state is None else {**carried, "requestState": state}

    async def _request(
        self, method: str, params: dict[str, Any], bounds: Bounds, on_progress: OnProgress | None,
        on_elicit: OnElicit | None, headers: Mapping[str, str],
    ) -> dict[str, Any]:
        """One request in its slot and within its time; the breaker learns how it went."""
        await self._take_slot()
        self._active += 1
        try:
            self._breaker.admit()
            began = False
            try:
                if method != "tools/call":
                    await self._ready()  # within its own, longer time: a program may have to be downloaded first
                async with asyncio.timeout(self.endpoint.timeout_seconds) as deadline:
                    wire = await (self._ready_for_call() if method == "tools/call" else self._ready())
                    began = True
                    exchange = Exchange(deadline, bounds, on_progress, on_elicit, headers)
                    result = await wire.request(method, params, exchange)
            except TimeoutError:
                raise self._failed(self._too_late(began)) from None
            except (Unreachable, Lost) as error:
                raise self._failed(error)  # noqa: B904  the same error, noted
            except (Refused, RpcError, TooLarge):
                self._breaker.succeeded()
                raise
            except BaseException:
                self._breaker.gave_up()
                raise
            self._breaker.succeeded()
            return result
        finally:
            self._active -= 1
            self._slots.release()

    def _failed(self, error: Exception) -> Exception:
        self._breaker.failed(error)
        return error

    def _too_late(self, began: bool) -> Exception:
        key, seconds = self.endpoint.key, self.endpoint.timeout_seconds
        if began:
            return Lost(f"The tool server {key} gave no answer within {seconds:g} seconds.")
        return Unreachable(f"The tool server {key} was not ready within {seconds:g} seconds. Nothing was sent.")

    async def _take_slot(self) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        key, seconds = self.endpoint.key, self.endpoint.timeout_seconds
        if self._waiting >= MAX_WAITING:
            raise Refused(f"The tool server {key} is busy: {self._waiting} calls wait already. Nothing was sent.")
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise Refused(
                f"The tool server {key} is busy: no turn within {seconds:g} seconds. Nothing was sent."
            ) from None
        finally:
            self._waiting -= 1

    async def _ready_for_call(self) -> Wire:
        """A wire of which it was made sure, as far as one can, that it reaches the server: a call has one shot."""
        wire = await self._ready()
        try:
            await wire.check()
        except SessionLost:
            wire = await self._ready()
        return wire

    async def _ready(self) -> Wire:
        wire = self._wire
        if wire is not None and wire.is_open:
            return wire
        if self._closed:
            key = self.endpoint.key
            raise Refused(f"The tool server {key} was just changed or removed. Nothing was sent; ask again.")
        if self._opening is None or self._opening.done():
            # In an empty context: what the wire starts must not carry the first caller's identity.
            self._opening = asyncio.get_running_loop().create_task(self._open(), context=contextvars.Context())
            self._opening.add_done_callback(_look_at)
        return await asyncio.shield(self._opening)

    async def _open(self) -> Wire:
        """Raises Unreachable and Refused: whatever went wrong, the request itself was not sent."""
        key, kind = self.endpoint.key, self.endpoint.kind
        old, self._wire = self._wire, None
        if old is not None:
            await old.close()
        try:
            async with asyncio.timeout(OPEN_SECONDS[kind]):
                self._wire = await self._open_wire()
        except TimeoutError:
            raise Unreachable(
                f"The tool server {key} did not open within {OPEN_SECONDS[kind]:g} seconds. Nothing was sent."
            ) from None
        except RpcError as error:
            raise Refused(f"The tool server {key} refused to be opened: {error}. Nothing was sent.") from error
        except Lost as error:
            raise Unreachable(f"{error} It was just being opened: the request itself was not sent.") from error
        except TooLarge as error:
            raise Unreachable(f"The tool server {key} opened with too large an answer. Nothing was sent.") from error
        log.info("tool server %s is open, protocol %s", key, self._wire.opened.protocol_version)
        return self._wire

    def _mirrored(
        self, tool: str, arguments: Mapping[str, Any], input_schema: Mapping[str, Any] | None
    ) -> Mapping[str, str]:
        """The Mcp-Param-* headers that the tool's schema asks for; worked out once per schema."""
        schema, fields = self._header_maps.get(tool, _NOTHING_MIRRORED)
        if input_schema is not None and input_schema is not schema:
            fields = {} if find_invalid_x_mcp_header(input_schema) else x_mcp_header_map(input_schema)
            if tool in self._header_maps or len(self._header_maps) < MAX_LISTED:
                self._header_maps[tool] = input_schema, fields
        return mcp_param_headers(fields, arguments) if fields else {}


_NOTHING_MIRRORED: tuple[Any, dict[tuple[str, ...], str]] = (None, {})


def _is_of_this_hop(name: object) -> bool:
    return name == "progressToken" or (isinstance(name, str) and name.startswith("io.modelcontextprotocol/"))


def _look_at(task: asyncio.Task[Any]) -> None:
    """Takes note of a failure that nobody waited for any more."""
    if not task.cancelled():
        task.exception()
