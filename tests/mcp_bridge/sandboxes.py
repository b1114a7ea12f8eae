"""A sandbox folder beside a folder with a secret, and everything a careless person may have put between them."""

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult

from mcp_bridge.sandbox.first_run import open_folder
from mcp_bridge.sandbox.paths import Folder
from mcp_bridge.sandbox.tools import TOOLS
from tests.gateway import ROOT
from tests.mcp_bridge.agents import text_of

SERVER = str(ROOT / "mcp_bridge" / "sandbox_server.py")
SECRET = "the-secret-outside"


@dataclass(frozen=True)
class Sandbox:
    path: Path
    outside: Path
    folder: Folder

    def call(self, tool: str, **arguments: Any) -> CallToolResult:
        """The tool as the server runs it, without the wire."""
        return TOOLS[tool].call(self.folder, arguments)

    def run(self, *argv: str) -> Mapping[str, Any]:
        """What a command answered; it must not have been refused."""
        result = self.call("shell_exec", argv=list(argv))
        assert result.structured_content is not None, text_of(result)
        return result.structured_content

    def put(self, path: str, data: bytes | str) -> None:
        """A file that a person put there, past the server."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)


def make_sandbox(base: Path) -> Sandbox:
    path, outside = base / "box", base / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET + "\n")
    return Sandbox(path, outside, open_folder(path))


def put_traps(box: Sandbox) -> None:
    """Links of every kind that lead out, and files that are none."""
    secret = box.outside / "secret.txt"
    (box.path / "out_file").symlink_to(secret)
    (box.path / "out_dir").symlink_to(box.outside)
    (box.path / "relative").symlink_to("../outside/secret.txt")
    (box.path / "chain").symlink_to("out_dir")
    (box.path / "loop").symlink_to("loop")
    (box.path / "dangling").symlink_to(box.outside / "new.txt")
    (box.path / "zero").symlink_to("/dev/zero")
    (box.path / "notes" / "up").symlink_to("..")
    os.link(secret, box.path / "hard.txt")
    os.mkfifo(box.path / "pipe")
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(box.path)  # a socket's path has about 100 characters at most
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)


def snapshot(*folders: Path) -> dict[str, tuple[int, bytes]]:
    """Every name below the folders, with its mode and content."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            plain = path.is_file() and not path.is_symlink()
            found[str(path)] = (path.lstat().st_mode, path.read_bytes() if plain else b"")
    return found


@asynccontextmanager
async def connect(folder: Path, era: str = "2026", **where: Any) -> AsyncIterator[Client]:
    """The official client and the server in its own process, with an environment that has nothing in it."""
    parameters = StdioServerParameters(command=sys.executable, args=[SERVER, str(folder)], env={}, **where)
    async with Client(stdio_client(parameters), mode="auto" if era == "2026" else "legacy") as client:
        yield client


def start(*arguments: str, stdin: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SERVER, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False,
        **options,
    )
