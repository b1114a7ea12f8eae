"""The sandbox server as any MCP client meets it: the official client, on stdin and stdout, in both protocol eras."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from mcp.shared.exceptions import MCPError

from tests.gateway import ROOT
from tests.mcp_bridge.agents import text_of
from tests.mcp_bridge.sandboxes import SERVER, connect, start

ERAS = pytest.mark.parametrize("era", ["2025", "2026"])
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "box"


def call(number: int, tool: str, **arguments: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


@ERAS
async def test_the_four_tools_say_what_they_are(folder: Path, era: str) -> None:
    async with connect(folder, era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(tools) == ["fs_list", "fs_read", "fs_write", "shell_exec"]
    hints = {name: tool.annotations for name, tool in tools.items()}
    assert [name for name, hint in hints.items() if hint.read_only_hint] == ["fs_list", "fs_read"]
    assert [name for name, hint in hints.items() if hint.destructive_hint] == ["fs_write", "shell_exec"]
    assert [name for name, hint in hints.items() if hint.idempotent_hint] == ["fs_list", "fs_read", "fs_write"]
    assert {hint.open_world_hint for hint in hints.values()} == {False}
    for tool in tools.values():
        assert tool.title
        assert tool.description
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)


@ERAS
async def test_every_result_fits_the_schema_that_was_announced(folder: Path, era: str) -> None:
    calls = [
        ("fs_list", {}), ("fs_list", {"path": "notes"}), ("fs_read", {"path": "README.txt"}),
        ("fs_read", {"path": "README.txt", "limit": 20}), ("fs_read", {"path": "data.bin"}),
        ("fs_write", {"path": "notes/new.txt", "content": "héllo"}), ("shell_exec", {"argv": ["ls", "-l"]}),
        ("shell_exec", {"argv": ["cat", "big.txt"]}), ("shell_exec", {"argv": ["grep", "absent", "README.txt"]}),
    ]  # fmt: skip
    folder.mkdir()
    (folder / "data.bin").write_bytes(b"\0\xff")
    (folder / "big.txt").write_text("x" * 100_000)
    (folder / "README.txt").write_text("welcome\n" * 10)
    (folder / "notes").mkdir()
    async with connect(folder, era) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        for tool, arguments in calls:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, (tool, arguments, text_of(result))
            jsonschema.validate(result.structured_content, schemas[tool])
    assert (folder / "notes" / "new.txt").read_text() == "héllo"


@ERAS
async def test_what_was_written_is_listed_and_read(folder: Path, era: str) -> None:
    async with connect(folder, era) as client:
        await client.call_tool("fs_write", {"path": "plans/today.md", "content": "# Plan\n"})
        listed = await client.call_tool("fs_list", {"path": "plans"})
        read = await client.call_tool("fs_read", {"path": "plans/today.md"})
        counted = await client.call_tool("shell_exec", {"argv": ["wc", "-c", "plans/today.md"]})
    assert [(entry["name"], entry["size"]) for entry in listed.structured_content["entries"]] == [("today.md", 7)]
    assert text_of(read) == "# Plan\n"
    assert counted.structured_content["stdout"].split() == ["7", "plans/today.md"]


@ERAS
async def test_a_refusal_is_a_result_that_says_what_to_do(folder: Path, era: str) -> None:
    async with connect(folder, era) as client:
        outside = await client.call_tool("fs_read", {"path": "/etc/passwd"})
        missing = await client.call_tool("fs_read", {"path": "absent.txt"})
        wrong = await client.call_tool("shell_exec", {"argv": "ls -l"})
    assert [outside.is_error, missing.is_error, wrong.is_error] == [True, True, True]
    assert "relative to the sandbox folder" in text_of(outside)
    assert "List the folder" in text_of(missing)
    assert "not of type 'array'" in text_of(wrong)


@ERAS
async def test_an_unknown_tool_is_a_protocol_error_that_names_the_tools(folder: Path, era: str) -> None:
    async with connect(folder, era) as client:
        with pytest.raises(MCPError, match="fs_list, fs_read, fs_write, shell_exec"):
            await client.call_tool("fs_delete", {})


async def test_two_servers_on_one_folder_see_each_others_files(folder: Path) -> None:
    async with connect(folder) as one, connect(folder) as other:
        await one.call_tool("fs_write", {"path": "a.txt", "content": "from one"})
        assert text_of(await other.call_tool("fs_read", {"path": "a.txt"})) == "from one"


async def test_many_calls_at_once_are_all_answered(folder: Path) -> None:
    async with connect(folder) as client, asyncio.timeout(60):
        results = await asyncio.gather(
            *(client.call_tool("shell_exec", {"argv": ["echo", str(number)]}) for number in range(40))
        )
    assert [result.structured_content["stdout"] for result in results] == [f"{number}\n" for number in range(40)]


# -- the process -----------------------------------------------------------------------------------


def test_only_json_rpc_goes_to_stdout_and_closing_stdin_ends_it(folder: Path) -> None:
    done = start(str(folder), stdin=json.dumps(INITIALIZE) + "\nno json\n{\"jsonrpc\": \"2.0\"}\n")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(answer["jsonrpc"] == "2.0" for answer in answers)
    assert [answer["result"]["serverInfo"]["name"] for answer in answers if answer.get("id") == 1] == ["atlas-sandbox"]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["a", "b"]], ids=str)
def test_a_wrong_command_line_is_refused_in_one_line(arguments: list[str]) -> None:
    done = start(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "FOLDER" in done.stderr


def test_a_folder_that_is_no_good_sandbox_is_refused_in_one_line() -> None:
    done = start("/")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Name a folder of its own" in done.stderr


def test_modules_that_an_agent_wrote_are_not_imported(folder: Path) -> None:
    """The sandbox may be the working directory: Python looks for modules there when it is started with -m or -c."""
    folder.mkdir()
    for name in ("json", "anyio", "logging", "mcp_bridge", "jsonschema", "sitecustomize"):
        (folder / f"{name}.py").write_text("print('imported from the sandbox')\nraise SystemExit(9)\n")
    answers = start(str(folder), stdin=json.dumps(INITIALIZE) + "\n", cwd=folder)
    assert answers.returncode == 0, answers.stderr
    assert "imported from the sandbox" not in answers.stdout


def test_it_can_be_started_as_a_module_too(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mcp_bridge.sandbox_server", str(folder)], input=json.dumps(INITIALIZE) + "\n", cwd=ROOT,
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "atlas-sandbox" in done.stdout


def test_it_starts_without_django_or_anything_of_the_gateway() -> None:
    code = (
        "import sys, mcp_bridge.sandbox_server\n"
        "packages = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(packages & {'django', 'channels', 'inngest', 'governance'}),\n"
        "      sorted(name for name in sys.modules if name.startswith('mcp_bridge.') and 'sandbox' not in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[] []\n"


def test_secrets_of_the_environment_reach_no_answer(folder: Path) -> None:
    lines = [
        INITIALIZE, {"jsonrpc": "2.0", "method": "notifications/initialized"},
        call(2, "shell_exec", argv=["echo", "$ATLAS_SECRET"]),
        call(3, "shell_exec", argv=["cat", "/proc/self/environ"]),
    ]  # fmt: skip
    with subprocess.Popen(
        [sys.executable, SERVER, str(folder)], env={**os.environ, "ATLAS_SECRET": "do not show"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:
        server.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
        server.stdin.flush()
        answers = [server.stdout.readline() for _ in range(3)]
        server.stdin.close()
    assert {json.loads(answer)["id"] for answer in answers} == {1, 2, 3}
    assert "do not show" not in "".join(answers)
