"""The four tools as MCP describes them, and each result as an agent reads it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jsonschema import Draft202012Validator
from mcp import types

from mcp_bridge.sandbox import Refused, files, run
from mcp_bridge.sandbox.commands import COMMANDS, MAX_ARGUMENT, MAX_ARGUMENTS
from mcp_bridge.sandbox.files import MAX_LISTED, MAX_READ, MAX_WRITE, MIN_READ
from mcp_bridge.sandbox.paths import MAX_PATH, Folder

PATH = {
    "type": "string",
    "maxLength": MAX_PATH,
    "description": "Relative to the sandbox folder, with /. Not absolute, without '..'. Example: notes/groceries.txt",
}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _answer(properties: dict[str, Any]) -> dict[str, Any]:
    return _object(properties, list(properties))


@dataclass(frozen=True)
class SandboxTool:
    definition: types.Tool
    run: Callable[..., types.CallToolResult]  # (folder, **arguments); raises Refused

    def call(self, folder: Folder, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """Does it, or says in an error result why not. Blocks for as long as the work takes."""
        try:
            self._validate(arguments)
            return self.run(folder, **arguments)
        except Refused as refused:
            return error(str(refused))
        except OSError as failed:  # the disk is full, a folder is not readable ...
            return error(f"The server could not do it: {failed.strerror or type(failed).__name__}.")

    def _validate(self, arguments: Mapping[str, Any]) -> None:
        for wrong in Draft202012Validator(self.definition.input_schema).iter_errors(arguments):
            where = "/".join(map(str, wrong.absolute_path)) or "the call"
            if wrong.validator in ("required", "additionalProperties", "type"):
                why = wrong.message if len(wrong.message) < 200 else f"has the wrong {wrong.validator}"
            else:  # a message would repeat the value, which can be huge
                why = f"{wrong.validator} is {wrong.validator_value}"
            raise Refused(f"The arguments do not fit the tool's schema: {where}: {why}. Correct them and call again.")


def error(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def _result(*texts: str, structured: dict[str, Any], is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text) for text in texts if text],
        structured_content=structured,
        is_error=is_error,
    )


# -- fs_list ---------------------------------------------------------------------------------------


def fs_list(folder: Folder, path: str = ".") -> types.CallToolResult:
    listing = files.list_folder(folder, path)
    lines = [f"{entry.kind:6} {'' if entry.size is None else entry.size:>8} {entry.name}" for entry in listing.entries]
    note = f"[cut: only the first {MAX_LISTED} names are shown. List a folder below it.]" if listing.cut else ""
    structured = {**asdict(listing), "entries": [asdict(entry) for entry in listing.entries]}
    return _result("\n".join(lines) or f"{listing.path} is empty.", note, structured=structured)


LIST = SandboxTool(
    types.Tool(
        name="fs_list",
        title="List a sandbox folder",
        description=f"Lists the names in one folder of the sandbox with kind, size in bytes and time of change; at "
        f"most {MAX_LISTED}. Links are shown and never followed.",
        input_schema=_object({"path": {**PATH, "default": "."}}, []),
        output_schema=_answer(
            {
                "path": {"type": "string"},
                "entries": {
                    "type": "array",
                    "items": _answer(
                        {
                            "name": {"type": "string"},
                            "kind": {"enum": ["file", "folder", "link", "other"]},
                            "size": {"type": ["integer", "null"], "description": "bytes, of a file"},
                            "modified": {"type": "string", "description": "ISO 8601, UTC"},
                        }
                    ),
                },
                "cut": {"type": "boolean", "description": "there are more"},
            }
        ),
        annotations=types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    ),
    fs_list,
)

# -- fs_read ---------------------------------------------------------------------------------------


def fs_read(folder: Folder, path: str, offset: int = 0, limit: int = MAX_READ) -> types.CallToolResult:
    read = files.read(folder, path, int(offset), int(limit))
    structured = asdict(read)
    if read.binary:
        return _result(
            f"{read.path} is a binary file of {read.size} bytes. Only UTF-8 text can be read.", structured=structured
        )
    note = ""
    if read.next_offset is not None:
        note = (
            f"[cut: these are the bytes {read.offset} to {read.next_offset} of {read.size}. "
            f"Read on with offset {read.next_offset}.]"
        )
    return _result(read.text or f"[no text from byte {read.offset} on]", note, structured=structured)


READ = SandboxTool(
    types.Tool(
        name="fs_read",
        title="Read a sandbox file",
        description=f"Reads a UTF-8 text file of the sandbox, at most {MAX_READ} bytes in one call; a longer one is "
        "cut with a note that says where to read on.",
        input_schema=_object(
            {
                "path": PATH,
                "offset": {
                    "type": "integer", "minimum": 0, "maximum": 2**53, "default": 0, "description": "byte to start at",
                },
                "limit": {
                    "type": "integer", "minimum": MIN_READ, "maximum": MAX_READ, "default": MAX_READ,
                    "description": "bytes to read at most",
                },
            },
            ["path"],
        ),
        output_schema=_answer(
            {
                "path": {"type": "string"},
                "text": {"type": "string"},
                "size": {"type": "integer", "description": "bytes of the whole file"},
                "offset": {"type": "integer", "description": "byte at which the text starts"},
                "next_offset": {"type": ["integer", "null"], "description": "where to read on; null at the end"},
                "binary": {"type": "boolean", "description": "not UTF-8 text; the text is empty"},
            }
        ),
        annotations=types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    ),
    fs_read,
)

# -- fs_write --------------------------------------------------------------------------------------


def fs_write(folder: Folder, path: str, content: str) -> types.CallToolResult:
    written = files.write(folder, path, content)
    verb = "Created" if written.created else "Replaced"
    return _result(f"{verb} {written.path} ({written.size} bytes).", structured=asdict(written))


WRITE = SandboxTool(
    types.Tool(
        name="fs_write",
        title="Write a sandbox file",
        description=f"Makes a UTF-8 text file in the sandbox or replaces it as a whole, with the folders above it; at "
        f"most {MAX_WRITE} bytes.",
        input_schema=_object(
            {"path": PATH, "content": {"type": "string", "maxLength": MAX_WRITE, "description": "the whole new text"}},
            ["path", "content"],
        ),
        output_schema=_answer(
            {
                "path": {"type": "string"},
                "size": {"type": "integer", "description": "bytes"},
                "created": {"type": "boolean", "description": "false: a file of this name was replaced"},
            }
        ),
        annotations=types.ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
        ),
    ),
    fs_write,
)

# -- shell_exec ------------------------------------------------------------------------------------


def shell_exec(folder: Folder, argv: list[str]) -> types.CallToolResult:
    done = run.shell_exec(folder, argv)
    match done.stopped:
        case "":
            note = f"[exit code {done.exit_code}]"
        case "timeout":
            note = f"[stopped: it ran longer than {run.SECONDS:g} seconds. Ask for less.]"
        case "output":
            note = f"[cut: it wrote more than {run.MAX_OUTPUT} bytes and was stopped. Ask for less, with head or grep.]"
        case name:
            note = f"[stopped by the signal {name}: it needed more than it may have.]"
    stderr = f"[stderr]\n{done.stderr}" if done.stderr else ""
    failed = done.stopped not in ("", "output")
    return _result(done.stdout, stderr, note, structured=asdict(done), is_error=failed)


EXEC = SandboxTool(
    types.Tool(
        name="shell_exec",
        title="Run a command in the sandbox",
        description="Runs one command in the sandbox folder, without a shell: no pipes, no variables, no wildcards, no "
        f"standard input. Commands: {', '.join(COMMANDS)}; short options only, and only those that read. File "
        "arguments are relative to the sandbox folder. "
        f"{run.SECONDS:g} seconds and {run.MAX_OUTPUT} bytes of output at most.",
        input_schema=_object(
            {
                "argv": {
                    "type": "array",
                    "items": {"type": "string", "maxLength": MAX_ARGUMENT},
                    "minItems": 1,
                    "maxItems": MAX_ARGUMENTS,
                    "description": 'The command and its arguments, one string each: ["grep", "-n", "milk", '
                    '"notes/groceries.txt"]',
                }
            },
            ["argv"],
        ),
        output_schema=_answer(
            {
                "exit_code": {"type": ["integer", "null"], "description": "null when it was stopped"},
                "stdout": {"type": "string"},
                "stderr": {"type": "string"},
                "stopped": {"type": "string", "description": "empty, timeout, output or a signal's name"},
                "seconds": {"type": "number"},
            }
        ),
        # Today's list only reads. The hints speak of the tool: it runs programs, and the list may grow.
        annotations=types.ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False
        ),
    ),
    shell_exec,
)

TOOLS: Mapping[str, SandboxTool] = {tool.definition.name: tool for tool in (LIST, READ, WRITE, EXEC)}
