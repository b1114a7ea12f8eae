"""The folder on the first start, and on every later one."""

import stat
import sys
from pathlib import Path

import pytest

from mcp_bridge.sandbox import Refused
from mcp_bridge.sandbox.first_run import STARTERS, open_folder
from tests.gateway import ROOT


def test_the_first_start_makes_a_private_folder_with_something_to_read(tmp_path: Path) -> None:
    open_folder(tmp_path / "data" / "box")
    made = {str(path.relative_to(tmp_path / "data/box")) for path in (tmp_path / "data/box").rglob("*")}
    assert made == {*STARTERS, "notes"}
    assert stat.S_IMODE((tmp_path / "data/box").stat().st_mode) == 0o700
    assert "milk" in (tmp_path / "data/box/notes/groceries.txt").read_text()


def test_a_later_start_changes_nothing(tmp_path: Path) -> None:
    open_folder(tmp_path / "box")
    (tmp_path / "box" / "README.txt").unlink()
    (tmp_path / "box" / "notes" / "groceries.txt").write_text("mine")
    open_folder(tmp_path / "box")
    assert not (tmp_path / "box" / "README.txt").exists()
    assert (tmp_path / "box" / "notes" / "groceries.txt").read_text() == "mine"


def test_a_folder_of_the_users_own_gets_no_files(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "mine.txt").write_text("mine")
    open_folder(tmp_path / "box")
    assert [path.name for path in (tmp_path / "box").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("folder", ["/", str(ROOT), str(ROOT.parent), str(ROOT / "mcp_bridge"), sys.prefix, "~"])
def test_a_folder_with_the_server_or_a_home_in_it_is_no_sandbox(folder: str) -> None:
    with pytest.raises(Refused, match="Name a folder of its own"):
        open_folder(Path(folder))


def test_a_file_is_no_sandbox(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Refused, match="cannot be the sandbox"):
        open_folder(tmp_path / "file")


def test_a_link_to_a_forbidden_folder_is_no_way_around(tmp_path: Path) -> None:
    (tmp_path / "box").symlink_to("/")
    with pytest.raises(Refused, match="Name a folder of its own"):
        open_folder(tmp_path / "box")


def test_a_user_without_a_home_can_start_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)  # no name in the list of users
    open_folder(tmp_path / "box")
    assert (tmp_path / "box" / "README.txt").exists()
