"""A server of another project, in its own process, on a free port of 127.0.0.1."""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 90.0  # ContextForge migrates its database first


class NotServing(Exception):
    """The server did not come up; its log is the message."""


@contextmanager
def serving(command: Callable[[int], list[str]], folder: Path, env: dict[str, str], health: str) -> Iterator[int]:
    """Runs the command that `command` makes of an inherited, bound socket's number; yields the port."""
    folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "server.log").open("wb") as log:
        port, number = listener.getsockname()[1], listener.fileno()
        process = subprocess.Popen(
            command(number), cwd=folder, env=env, pass_fds=[number], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,  # Ctrl-C is the bench's to handle
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}{health}", folder / "server.log")
        yield port
    finally:
        process.kill()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=START_SECONDS):
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotServing(f"{url}: {error}\n{log.read_text(errors='replace')[-3000:]}") from error
        time.sleep(0.05)
