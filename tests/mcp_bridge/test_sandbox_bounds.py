"""How much one call may ask for, and what the answer says when it is cut."""

import json
import os
from pathlib import Path

import pytest

from mcp_bridge.sandbox import files, paths, run
from tests.mcp_bridge.agents import text_of
from tests.mcp_bridge.sandboxes import Sandbox, make_sandbox

KIB = 1024


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return make_sandbox(tmp_path)


# -- reading ---------------------------------------------------------------------------------------


def test_a_long_file_is_cut_with_a_note_and_can_be_read_to_the_end(box: Sandbox) -> None:
    text = "".join(f"line {number}: héllo 漢字 🙂\n" for number in range(20_000))
    box.put("long.txt", text)
    offset, found = 0, ""
    while offset is not None:
        result = box.call("fs_read", path="long.txt", offset=offset)
        answer = result.structured_content
        assert len(answer["text"].encode()) <= 256 * KIB
        assert ("[cut:" in text_of(result)) == (answer["next_offset"] is not None)
        found += answer["text"]
        offset = answer["next_offset"]
    assert found == text


@pytest.mark.parametrize("limit", range(16, 24))
def test_a_cut_never_splits_a_character(box: Sandbox, limit: int) -> None:
    text = "a🙂é漢" * 30
    box.put("mixed.txt", text)
    offset, found = 0, ""
    while offset is not None:
        answer = box.call("fs_read", path="mixed.txt", offset=offset, limit=limit).structured_content
        found += answer["text"]
        offset = answer["next_offset"]
    assert found == text


@pytest.mark.parametrize("offset", [1, 2, 3])
def test_an_offset_within_a_character_starts_at_the_next_one(box: Sandbox, offset: int) -> None:
    box.put("mixed.txt", "🙂after")
    answer = box.call("fs_read", path="mixed.txt", offset=offset).structured_content
    assert (answer["text"], answer["offset"]) == ("after", 4)


def test_an_offset_behind_the_end_is_an_empty_text(box: Sandbox) -> None:
    answer = box.call("fs_read", path="README.txt", offset=10**9).structured_content
    assert (answer["text"], answer["next_offset"], answer["binary"]) == ("", None, False)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0", b"a\0b", b"\xff\xfe", b"caf\xe9", b"a" * 300_000 + b"\xff"])
def test_what_is_no_utf8_text_is_reported_as_binary(box: Sandbox, data: bytes) -> None:
    box.put("data.bin", data)
    offset = max(0, len(data) - 100)
    result = box.call("fs_read", path="data.bin", offset=offset)
    assert result.structured_content["binary"]
    assert result.structured_content["text"] == ""
    assert f"binary file of {len(data)} bytes" in text_of(result)


def test_a_huge_file_costs_only_what_is_read(box: Sandbox) -> None:
    with (box.path / "sparse").open("wb") as file:
        file.write(b"start")
        file.truncate(1 << 40)
    answer = box.call("fs_read", path="sparse", limit=16).structured_content
    assert (answer["binary"], answer["size"]) == (True, 1 << 40)


# -- listing ---------------------------------------------------------------------------------------


def test_a_big_folder_is_cut_after_a_thousand_names(box: Sandbox) -> None:
    for number in range(1_005):
        box.put(f"many/{number:05}", "")
    result = box.call("fs_list", path="many")
    names = [entry["name"] for entry in result.structured_content["entries"]]
    assert names == [f"{number:05}" for number in range(1_000)]
    assert result.structured_content["cut"]
    assert "[cut:" in text_of(result)


def test_names_that_are_no_text_or_hide_something_are_listed_as_escapes(box: Sandbox) -> None:
    for name in (b"bad\xff", b"line\nbreak", "right\u202eleft".encode()):
        (Path(os.fsdecode(os.fsencode(box.path) + b"/" + name))).touch()
    result = box.call("fs_list")
    names = [entry["name"] for entry in result.structured_content["entries"]]
    assert {"bad\\udcff", "line\\nbreak", "right\\u202eleft"} <= set(names)
    json.dumps(result.structured_content, ensure_ascii=False).encode()  # it can be sent


def test_an_empty_folder_says_so(box: Sandbox) -> None:
    (box.path / "empty").mkdir()
    assert text_of(box.call("fs_list", path="empty")) == "empty is empty."


# -- writing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["x", "é", "🙂"])
def test_the_bound_of_a_file_counts_bytes(box: Sandbox, sign: str) -> None:
    fits = 256 * KIB // len(sign.encode())
    assert not box.call("fs_write", path="a.txt", content=sign * fits).is_error
    assert box.call("fs_write", path="b.txt", content=sign * (fits + 1)).is_error
    assert not (box.path / "b.txt").exists()


def test_an_error_about_a_huge_argument_is_short(box: Sandbox) -> None:
    result = box.call("fs_write", path="a.txt", content="x" * 2_000_000)
    assert len(text_of(result)) < 300
    assert "maxLength is 262144" in text_of(result)


def test_a_file_is_replaced_as_a_whole_and_keeps_no_old_tail(box: Sandbox) -> None:
    first = box.call("fs_write", path="deep/er/a.txt", content="a long text")
    second = box.call("fs_write", path="deep/er/a.txt", content="short")
    assert [first.structured_content["created"], second.structured_content["created"]] == [True, False]
    assert (box.path / "deep/er/a.txt").read_text() == "short"


def test_a_file_may_be_as_deep_as_the_bound_and_no_deeper(box: Sandbox) -> None:
    assert not box.call("fs_write", path="/".join("d" * 16), content="x").is_error
    assert box.call("fs_write", path="/".join("e" * 17), content="x").is_error
    assert not (box.path / "e").exists()


def test_a_full_sandbox_takes_nothing_more(box: Sandbox) -> None:
    with (box.path / "big").open("wb") as file:
        file.truncate(files.QUOTA - 2_000)
    assert box.call("fs_write", path="a.txt", content="x" * 2_000).is_error
    (box.path / "big").unlink()
    assert not box.call("fs_write", path="a.txt", content="x" * 2_000).is_error


def test_a_sandbox_with_too_many_entries_takes_nothing_more(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (files, paths):
        monkeypatch.setattr(module, "MAX_ENTRIES", 6)  # four stand there already
    assert box.call("fs_write", path="a/b/c.txt", content="x").is_error
    assert not (box.path / "a").exists()
    assert not box.call("fs_write", path="a/b.txt", content="x").is_error
    assert box.call("fs_write", path="c.txt", content="x").is_error


def test_a_write_that_fails_leaves_the_old_file_and_no_part(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = box.call("fs_write", path="README.txt", content="new")
    assert "No space left" in text_of(result)
    assert "ATLAS" in (box.path / "README.txt").read_text()
    assert not list(box.path.glob(".*.part"))


# -- commands --------------------------------------------------------------------------------------


def test_output_is_cut_with_a_note(box: Sandbox) -> None:
    box.put("big.txt", "x" * 200_000)
    result = box.call("shell_exec", argv=["cat", "big.txt"])
    assert result.structured_content["stopped"] == "output"
    assert result.structured_content["stdout"] == "x" * 64 * KIB
    assert "[cut:" in text_of(result)


def test_output_of_exactly_the_bound_is_not_cut(box: Sandbox) -> None:
    box.put("full.txt", "x" * 64 * KIB)
    answer = box.run("cat", "full.txt")
    assert (answer["stopped"], answer["exit_code"], len(answer["stdout"])) == ("", 0, 64 * KIB)


def test_output_that_is_no_text_can_be_sent(box: Sandbox) -> None:
    box.put("data.bin", bytes(range(256)))
    json.dumps(box.run("cat", "data.bin"), ensure_ascii=False).encode()


def test_many_errors_are_cut_too(box: Sandbox) -> None:
    finished = run.run(box.folder, run.find("cat"), ["cat", *["n" * 200 for _ in range(1_000)]], run.LIMITS)
    assert (finished.stopped, len(finished.stderr)) == ("output", 64 * KIB)
