"""What can be kept of a tool's answer that was cut at its limit. No I/O."""

import json
import re
from typing import Any

from governance.toolservers import ToolResult
from mcp_bridge.downstream.remote.faults import TooLarge
from mcp_bridge.downstream.remote.messages import MAX_DEPTH, is_deeper

_CONTENT = re.compile(r'"content"\s*:\s*\[')
_OPEN_TEXT = re.compile(r'\s*\{\s*(?:"type"\s*:\s*"text"\s*,\s*)?"text"\s*:\s*"')
# Possessive: a backtracking one would remember each of a million characters.
_STRING_END = re.compile(r'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+')
_IS_ERROR = re.compile(rb'(?<!\\)"isError"\s*:\s*true')
_STRUCTURED = re.compile(r'(?<!\\)"structuredContent"\s*:')
_raw_decode = json.JSONDecoder().raw_decode


def keep(cut: TooLarge, limit: int) -> ToolResult:
    """The whole content blocks before the cut, the beginning of a text in the middle of it, and a note.

    isError is read from what follows the content, when that was reached; structured content is dropped.
    """
    text = cut.head.decode("utf-8", "ignore")
    blocks, rest = _whole_blocks(text)
    if opened := _OPEN_TEXT.match(rest):
        begun = _STRING_END.match(rest, opened.end())
        blocks.append({"type": "text", "text": _printable(json.loads(f'"{begun.group()}"'))})
    is_error = bool(_IS_ERROR.search(cut.tail or b"") or _IS_ERROR.search(cut.head))
    return ToolResult(content=[*blocks, {"type": "text", "text": _note(limit, text, cut)}], is_error=is_error)


def _note(limit: int, text: str, cut: TooLarge) -> str:
    note = f"[The gateway cut this result: it is larger than the {limit:,} bytes that this server's results may have."
    if _STRUCTURED.search(text) or b'"structuredContent"' in cut.tail:
        note += " Its structured content was dropped."
    if not cut.tail:
        note += " Its end was not read: whether the tool reported an error is not known."
    return f"{note} The call itself was run. Ask for less at a time.]"


def _whole_blocks(text: str) -> tuple[list[dict[str, Any]], str]:
    """The content blocks that are complete, and the text after them."""
    found = _CONTENT.search(text)
    if not found:
        return [], ""
    blocks: list[dict[str, Any]] = []
    at = found.end()
    while True:
        start = at + len(text[at:at + 64]) - len(text[at:at + 64].lstrip(" \t\r\n,"))
        try:
            block, at = _raw_decode(text, start)
        except (ValueError, RecursionError):
            return blocks, text[start:]
        if not isinstance(block, dict) or not isinstance(block.get("type"), str) or is_deeper(block, MAX_DEPTH - 4):
            return blocks, ""
        blocks.append(block)


def _printable(text: str) -> str:
    return text.replace("\0", "�").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
