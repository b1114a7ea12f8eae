"""StdioCarrier: a program of the administrator's as a child process, one JSON message per line."""

import asyncio
import contextlib
import logging
import os
import shutil
import sys
from pathlib import Path

from mcp_bridge.downstream.remote.duplex import MESSAGE_BYTES
from mcp_bridge.downstream.remote.endpoint import Endpoint
from mcp_bridge.downstream.remote.faults import Lost, TooLarge, Unreachable

log = logging.getLogger(__name__)

GUARD = str(Path(__file__).with_name("guard.py"))
# Of the gateway's own environment; its secrets stay with it. HOME, because npx and uvx keep their downloads there.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
CLOSED_INPUT_SECONDS = 1.0
ENDED_SECONDS = 4.0
EXIT_CODE_SECONDS = 0.5
LOGGED_CHARS = 500
CHUNK = 65536


def environment(endpoint: Endpoint) -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | dict(endpoint.env)


class StdioCarrier:
    unused_seconds = None  # the end of a child is noticed at once

    def __init__(self, endpoint: Endpoint, process: asyncio.subprocess.Process, lifeline: int) -> None:
        self._key, self._process, self._lifeline = endpoint.key, process, lifeline
        self._limit = max(MESSAGE_BYTES, endpoint.max_result_bytes + CHUNK)
        self._buffer, self._scanned = bytearray(), 0
        self._stderr = asyncio.get_running_loop().create_task(self._drain())

    @classmethod
    async def start(cls, endpoint: Endpoint) -> "StdioCarrier":
        """Raises Unreachable when the program cannot be started."""
        env = environment(endpoint)
        # A relative path is meant from the working directory, where the guard runs it.
        if "/" not in endpoint.command and shutil.which(endpoint.command, path=env.get("PATH")) is None:
            raise Unreachable(f"The program of the tool server {endpoint.key} was not found. Nothing was sent.")
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", GUARD, str(reading), str(endpoint.memory_bytes), endpoint.command,
                *endpoint.args, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, env=env, cwd=endpoint.cwd or env.get("HOME") or "/",
                start_new_session=True, pass_fds=(reading,), limit=CHUNK,
            )
        except BaseException as error:
            os.close(writing)
            if not isinstance(error, OSError | ValueError):
                raise
            why = getattr(error, "strerror", None) or "invalid"
            raise Unreachable(
                f"The program of the tool server {endpoint.key} cannot be started ({why}). Nothing was sent."
            ) from error
        finally:
            os.close(reading)
        return cls(endpoint, process, writing)

    async def send(self, body: bytes) -> None:
        pipe = self._process.stdin
        if pipe.is_closing():
            raise Unreachable(f"The tool server {self._key} ended. Nothing was sent.")
        try:
            pipe.write(body + b"\n")
            await pipe.drain()
        except (ConnectionError, RuntimeError) as error:
            raise Lost(f"The tool server {self._key} ended while it was asked.") from error

    async def receive(self) -> bytes | None:
        """The next line that looks like a message: some servers print other things too."""
        while True:
            line = self._line()
            if line is None:
                chunk = await self._process.stdout.read(CHUNK)
                if not chunk:
                    return None
                self._buffer += chunk
            elif line.lstrip().startswith(b"{"):
                return line
            elif line.strip():
                log.debug("%s printed what is no message: %s", self._key, _shown(line))

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(self._buffer)
            if self._scanned > self._limit:
                raise TooLarge(bytes(self._buffer))
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[:end + 1]
        self._scanned = 0
        return line

    async def _drain(self) -> None:
        """Logs the program's complaints, so that it never waits for somebody to read them."""
        rest = b""
        while chunk := await self._process.stderr.read(CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            if log.isEnabledFor(logging.DEBUG):
                for line in lines:
                    log.debug("%s: %s", self._key, _shown(line))
            rest = rest[:LOGGED_CHARS]
        if rest:
            log.debug("%s: %s", self._key, _shown(rest))

    async def why_ended(self) -> str:
        if self._process.stdout.at_eof() and await self._has_ended(EXIT_CODE_SECONDS):
            return f"exit code {self._process.returncode}"
        return ""

    async def close(self) -> None:
        """Closes its input, then asks it to end, then makes it end: seconds at most, its whole process group."""
        process = self._process
        process.stdin.close()
        if not await self._has_ended(CLOSED_INPUT_SECONDS):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            if not await self._has_ended(ENDED_SECONDS):
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        os.close(self._lifeline)
        self._stderr.cancel()
        process._transport.close()  # asyncio has no public way; else its pipes stay open while a survivor holds them

    async def _has_ended(self, seconds: float) -> bool:
        """By looking: wait() also waits for the end of pipes that a grandchild may hold."""
        end = asyncio.get_running_loop().time() + seconds
        while self._process.returncode is None:
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(0.01)
        return True


def _shown(line: bytes) -> str:
    text = line[:LOGGED_CHARS].decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "�" for sign in text)
