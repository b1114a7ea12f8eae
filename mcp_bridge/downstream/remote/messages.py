"""JSON-RPC messages on the way to tool servers and back: written compactly, read with distrust. No I/O."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from mcp_types import SERVER_INFO_META_KEY

from governance import __version__
from governance.toolservers import ToolDefinition, ToolResult
from mcp_bridge.downstream.remote.faults import RpcError, clean

# A result's own, below the two levels of its message. Definitions of tools may be deeper (governance/definitions.py).
MAX_DEPTH = 32
LIST_DEPTH = 64 + 8
# Framing around a result that does not count against the result's own limit.
ENVELOPE_BYTES = 4096
CLIENT_INFO = {"name": "atlas-gateway", "title": "ATLAS governance gateway", "version": __version__}

Message = dict[str, Any]


class Malformed(ValueError):
    """Not what MCP allows; the text completes the sentence "its answer …"."""


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text} is no JSON number")
    return value


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no JSON value")


_decode = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse).decode
encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def decode(body: bytes, max_depth: int = MAX_DEPTH + 2) -> Any:
    """The JSON value in `body`: finite numbers, at most `max_depth` deep, text that any database can keep.

    Raises Malformed.
    """
    try:
        text = body.decode()
        value = _decode(text)
    except RecursionError:
        raise Malformed("is nested too deeply") from None
    except ValueError:
        raise Malformed("is not valid JSON") from None
    # As many opening brackets as levels at least: most answers need no second look.
    if body.count(b"{") + body.count(b"[") > max_depth and is_deeper(value, max_depth):
        raise Malformed(f"is nested more than {max_depth} levels deep")
    if b"\\u" in body:
        lowered = body.lower()
        if b"\\ud" in lowered or b"\\u0000" in lowered:
            value = _storable(value)
    return value


def is_deeper(value: Any, levels: int) -> bool:
    row = [value]
    for _ in range(levels + 1):
        row = [
            child
            for node in row
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not row:
            return False
    return True


def _storable(value: Any) -> Any:
    """Lone surrogates cannot be sent on and NULs cannot be kept in PostgreSQL: U+FFFD stands for them."""
    if isinstance(value, str):
        return _replace(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_replace(name): _storable(item) for name, item in value.items()}
    return value


def _replace(text: str) -> str:
    return text.replace("\0", "�").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def response_to(request_id: int, message: Any) -> dict[str, Any]:
    """The result in the response to `request_id`. Raises RpcError for an error, Malformed for anything else."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise Malformed("is not a JSON-RPC message")
    error = message.get("error")
    # An error may come without an id when the server could not read ours.
    if error is not None and message.get("id") in (request_id, None):
        raise rpc_error(error)
    answered = message.get("id")
    if answered != request_id or isinstance(answered, bool):
        raise Malformed("belongs to another request")
    result = message.get("result")
    if not isinstance(result, dict):
        raise Malformed("has no result")
    return result


def rpc_error(error: Any) -> RpcError:
    if not isinstance(error, dict) or type(error.get("code")) is not int:
        raise Malformed("is an error without a code")
    return RpcError(error["code"], clean(error.get("message", "")), error.get("data"))


def error_in(body: bytes) -> RpcError | None:
    """The JSON-RPC error in an HTTP error's body, if there is one."""
    try:
        message = decode(body)
        if isinstance(message, dict) and message.get("error") is not None:
            return rpc_error(message["error"])
    except Malformed:
        pass
    return None


def tool_result(result: Mapping[str, Any]) -> ToolResult:
    """A tools/call result, every content block as it came. Raises Malformed."""
    kind = result.get("resultType", "complete")
    if kind != "complete":
        raise Malformed(f"is of a type that was not asked for: {clean(kind)}")
    content, is_error, meta = result.get("content", []), result.get("isError", False), result.get("_meta")
    if not isinstance(content, list) or not all(
        isinstance(block, dict) and isinstance(block.get("type"), str) for block in content
    ):
        raise Malformed("has no list of content blocks")
    if not isinstance(is_error, bool) or not isinstance(meta, dict | None):
        raise Malformed("has an isError or _meta of the wrong type")
    # The server's name belongs to this hop alone.
    kept = {name: value for name, value in meta.items() if name != SERVER_INFO_META_KEY} if meta else {}
    return ToolResult(content=content, structured=result.get("structuredContent"), is_error=is_error, meta=kept)


def tool_definition(raw: Any) -> ToolDefinition:
    """One entry of a tool list. Raises Malformed."""
    if not isinstance(raw, dict):
        raise Malformed("holds a tool that is no object")
    name, schema, output = raw.get("name"), raw.get("inputSchema"), raw.get("outputSchema")
    if not isinstance(name, str) or not 0 < len(name) <= 128:
        raise Malformed("holds a tool without a name of 1 to 128 characters")
    texts = {field: raw.get(field) or "" for field in ("title", "description")}
    objects = {field: raw.get(field) or {} for field in ("annotations", "_meta")}
    if not (
        isinstance(schema, dict)
        and isinstance(output, dict | None)
        and all(isinstance(text, str) for text in texts.values())
        and all(isinstance(value, dict) for value in objects.values())
    ):
        raise Malformed(f"describes the tool {clean(name)} with values of the wrong type")
    return ToolDefinition(
        name=name, input_schema=schema, output_schema=output, annotations=objects["annotations"],
        meta=objects["_meta"], **texts,
    )
