"""Somebody swaps a folder or a file for a link while the server is at work. Each swap is put exactly where it hurts."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from mcp_bridge.sandbox import confine, files, run
from mcp_bridge.sandbox.first_run import open_folder
from mcp_bridge.sandbox.paths import Folder
from tests.gateway import ROOT
from tests.mcp_bridge.agents import text_of
from tests.mcp_bridge.sandboxes import SECRET, Sandbox, make_sandbox

needs_landlock = pytest.mark.skipif(not confine.landlock_version(), reason="this kernel has no Landlock")


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    box = make_sandbox(tmp_path)
    box.put("notes/secret.txt", "inside")  # the same name as the file outside
    return box


def swap_folder(box: Sandbox) -> None:
    (box.path / "notes").rename(box.path / "moved")
    (box.path / "notes").symlink_to(box.outside)


def swap_file(box: Sandbox) -> None:
    (box.path / "notes" / "secret.txt").unlink()
    (box.path / "notes" / "secret.txt").symlink_to(box.outside / "secret.txt")


def around_open(
    monkeypatch: pytest.MonkeyPatch, name: str, swap: Callable[[], None], *, before: bool = False
) -> list[str]:
    """Swaps once, just before or just after the server opens this component. The list says that it happened."""
    real, done = os.open, []

    def opening(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        now = path == name and not done
        if now and before:
            done.append(path)
            swap()
        opened = real(path, flags, mode, dir_fd=dir_fd)
        if now and not before:
            done.append(path)
            swap()
        return opened

    monkeypatch.setattr(os, "open", opening)
    return done


def test_a_folder_swapped_after_it_was_opened_is_still_the_one_that_is_read(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = around_open(monkeypatch, "notes", lambda: swap_folder(box))
    assert text_of(box.call("fs_read", path="notes/secret.txt")) == "inside"
    assert done


def test_a_folder_swapped_before_it_is_opened_is_refused(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    done = around_open(monkeypatch, "notes", lambda: swap_folder(box), before=True)
    result = box.call("fs_read", path="notes/secret.txt")
    assert done
    assert "is a link" in text_of(result)


def test_a_file_swapped_after_it_was_looked_at_is_refused(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    done = around_open(monkeypatch, "secret.txt", lambda: swap_file(box), before=True)
    result = box.call("fs_read", path="notes/secret.txt")
    assert done
    assert result.is_error
    assert SECRET not in text_of(result)


def test_a_pipe_put_in_the_place_of_a_file_does_not_block_the_server(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = box.path / "notes" / "secret.txt"

    def swap() -> None:
        pipe.unlink()
        os.mkfifo(pipe)

    done = around_open(monkeypatch, "secret.txt", swap, before=True)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(box.call, "fs_read", path="notes/secret.txt")
        try:
            assert "pipe" in text_of(reading.result(30))
        except TimeoutError:
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))  # lets the thread end
            raise
    assert done


def test_a_listing_stays_in_the_folder_that_was_opened(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    (box.outside / "only-outside.txt").write_text("x")
    done = around_open(monkeypatch, "notes", lambda: swap_folder(box))
    names = [entry["name"] for entry in box.call("fs_list", path="notes").structured_content["entries"]]
    assert done
    assert "only-outside.txt" not in names
    assert "groceries.txt" in names


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
def test_nothing_is_written_outside_through_a_swapped_folder(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    done = around_open(monkeypatch, "notes", lambda: swap_folder(box), before=before)
    box.call("fs_write", path="notes/secret.txt", content="overwritten")
    assert done
    assert sorted(path.name for path in box.outside.iterdir()) == ["secret.txt"]
    assert (box.outside / "secret.txt").read_text() == SECRET + "\n"


def test_a_file_swapped_for_a_link_is_replaced_and_not_written_through(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def replacing(*arguments: str, **folders: int) -> None:
        swap_file(box)
        real(*arguments, **folders)

    monkeypatch.setattr(os, "replace", replacing)
    assert not box.call("fs_write", path="notes/secret.txt", content="mine").is_error
    assert (box.outside / "secret.txt").read_text() == SECRET + "\n"
    assert (box.path / "notes" / "secret.txt").read_text() == "mine"


@needs_landlock
@pytest.mark.parametrize("swap", [swap_file, swap_folder])
def test_a_command_cannot_follow_a_link_that_came_after_the_check(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, swap: Callable[[Sandbox], None]
) -> None:
    real = run.find

    def find(name: str) -> str:  # between the check of the arguments and the start
        swap(box)
        return real(name)

    monkeypatch.setattr(run, "find", find)
    answer = box.run("cat", "notes/secret.txt")
    assert (answer["exit_code"], answer["stdout"]) == (1, "")
    assert "denied" in answer["stderr"].lower()


def test_a_folder_put_in_the_place_of_the_sandbox_is_not_the_sandbox(box: Sandbox) -> None:
    box.path.rename(box.path.with_name("moved"))
    box.path.symlink_to(box.outside)
    assert text_of(box.call("fs_read", path="notes/secret.txt")) == "inside"
    assert "secret.txt" not in box.run("ls")["stdout"]


def test_two_servers_share_one_quota(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten writers at once, each with its own handle on the folder as every process has; room for five files."""
    used, _ = box.folder.usage()
    monkeypatch.setattr(files, "QUOTA", used + 5 * 1000)
    start = Barrier(10)

    def write(number: int) -> bool:
        start.wait(30)
        folder = Folder(box.path)
        try:
            files.write(folder, f"{number}.txt", "x" * 1000)
        except files.Refused:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(write, range(10))) == 5


def test_a_reader_sees_the_old_text_or_the_new_one(box: Sandbox) -> None:
    texts = {letter * 200_000 for letter in "ab"}
    box.call("fs_write", path="shared.txt", content=min(texts))
    with ThreadPoolExecutor(2) as pool:
        writing = [
            pool.submit(box.call, "fs_write", path="shared.txt", content=text) for text in sorted(texts) * 10
        ]
        while not all(one.done() for one in writing):
            assert box.call("fs_read", path="shared.txt").structured_content["text"] in texts
    assert not any(one.result().is_error for one in writing)
    assert not list(box.path.glob(".*.part"))


def test_many_first_starts_at_once_make_one_sandbox(tmp_path: Path) -> None:
    start = Barrier(8)

    def begin(_: int) -> Folder:
        start.wait(30)
        return open_folder(tmp_path / "new")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, range(8)))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["README.txt", "notes"]


def test_a_lock_that_is_held_for_too_long_is_an_error_and_not_a_hang(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_bridge.sandbox.paths.LOCK_SECONDS", 0.1)
    code = (
        "import sys; from mcp_bridge.sandbox.paths import Folder\n"
        "with Folder(sys.argv[1]).locked(): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(box.path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        result = box.call("fs_write", path="x.txt", content="x")
        other.stdin.close()
    assert "Try again" in text_of(result)
    assert not box.call("fs_write", path="x.txt", content="x").is_error
