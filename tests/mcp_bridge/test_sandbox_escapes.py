"""Ways out of the sandbox folder: each is refused with a reason, reveals nothing and changes nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_bridge.sandbox import Refused, files
from mcp_bridge.sandbox.paths import Folder
from tests.mcp_bridge.agents import text_of
from tests.mcp_bridge.sandboxes import SECRET, Sandbox, connect, make_sandbox, put_traps, snapshot

PATHS = [
    "/etc/passwd", "//etc/passwd", "///", "/", "/proc/self/environ", "/dev/zero",
    "..", "../outside/secret.txt", "notes/../../outside/secret.txt", "./../outside/secret.txt",
    "notes//..//..//outside/secret.txt", "notes/..", "README.txt/../../outside/secret.txt",
    "%2e%2e/outside/secret.txt", "..%2foutside%2fsecret.txt", "..%c0%af..%c0%afetc/passwd",
    "..\\outside\\secret.txt", "C:\\windows\\win.ini", "\\\\server\\share", "file:///etc/passwd",
    "~/.ssh/id_rsa", "~root",
    "README.txt\0", "README.txt\0/../../outside/secret.txt", "notes/\n../x", "a\rb", "notes/\x1b[2Jx",
    "．．/outside/secret.txt", "․․/outside/secret.txt", "..\u200b/outside/secret.txt", "notes/\u202etxt.exe", "\ufeff",
    "notes/\ud800", "\udc2e\udc2e/outside/secret.txt",
    "out_file", "out_dir", "out_dir/secret.txt", "relative", "chain", "chain/secret.txt", "loop", "loop/x", "dangling",
    "zero", "notes/up", "notes/up/README.txt", "notes/up/../../outside/secret.txt", "out_dir/../README.txt",
    "pipe", "pipe/x", "socket", "README.txt/x",
    "n" * 201, "é" * 101, "a/" * 16 + "x", "x" * 513, "x/" * 100_000,
]  # fmt: skip

READ_ONLY_PATHS = ["hard.txt", "notes", ".", "", "./", "missing.txt", "@README.txt", "*", "$HOME", "notes/*"]

# One line each, split at spaces.
COMMANDS = [line.split() for line in r"""
cat /etc/passwd
cat -- /etc/passwd
cat ../outside/secret.txt
cat README.txt ..
cat @/etc/passwd
cat -
cat ./-
cat -- -
cat
cat notes
cat -n/etc/passwd
cat --number README.txt
cat --help
cat --version
cat notes/*
head -n 1 -- /etc/passwd
head -c1 out_file
head -n 1 -n /etc/passwd
head -n 1;id README.txt
head -n
head --lines=1 README.txt
tail -f README.txt
tail -n1f README.txt
tail -qf README.txt
tail --follow README.txt
tail --pid=1 -f README.txt
tail -F README.txt
wc --files0-from=out_file
wc --files0-from README.txt
wc -l zero
grep -f ../outside/secret.txt README.txt
grep -fout_file README.txt
grep --file=/etc/passwd x README.txt
grep -r secret .
grep -R secret out_dir
grep -ir secret .
grep -r --include=* secret
grep --include * x README.txt
grep -d recurse secret .
grep secret .
grep secret out_dir/secret.txt
grep -D read x pipe
grep x pipe
grep x
grep
grep -P (x+x+)+y README.txt
sort -o README.txt notes/groceries.txt
sort -oREADME.txt notes/groceries.txt
sort -no new.txt README.txt
sort --output=new.txt README.txt
sort README.txt -o new.txt
sort --output new.txt README.txt
sort --out=new.txt README.txt
sort -T /tmp README.txt
sort --compress-program=sh README.txt
sort -S1b --compress-program sh README.txt
sort --files0-from=out_file
sort --random-source=out_file -R README.txt
sort -m out_file
sort -k 1;id README.txt
sort -t ab README.txt
uniq README.txt new.txt
uniq README.txt ../outside/secret.txt
uniq - new.txt
uniq README.txt notes/groceries.txt
cut -d /../ -f1 README.txt
cut -f1 --output-delimiter=x README.txt
cut -f a README.txt
cut -f1 out_file
date -s 2030-01-01
date --set=2030-01-01
date 010100002030
date -f README.txt
date -r /etc/passwd
date -us 2030-01-01
date +%F 010100002030
date -- 010100002030
ls /
ls ..
ls out_dir
ls out_dir/
ls out_dir/.
ls -L
ls -lL .
ls -H out_dir
ls --dereference
ls --hyperlink
ls notes/up
ls && id
ls $(id)
ls `id`
ls | sh
ls > new.txt
find . -exec sh -c id ;
find . -delete
sh -c id
bash
env
xargs cat
/bin/cat README.txt
./cat README.txt
../../bin/sh
notes/run.sh
CAT README.txt
LD_PRELOAD=x ls
python3 -c 1
tee new.txt
rm README.txt
ln -s /etc etc
chmod 777 .
kill -9 1
sudo ls
uname -a
uname -n
pwd x
pwd -P
""".strip().splitlines()]

ODD_COMMANDS = [
    [], [""], ["cat"] * 65, ["echo", "x" * 1025], ["echo", "\0"], ["cat", "README.txt\0/etc/passwd"],
    ["cat\0", "README.txt"], ["cat", "\ud800"], ["ls", "\n", "id"], ["cat README.txt"], ["cat; id"],
    [" cat", "README.txt"], ["ls", "README.txt "],
]  # fmt: skip

SCHEMA = [
    ("shell_exec", {}), ("shell_exec", {"argv": "cat /etc/passwd"}), ("shell_exec", {"argv": [["cat"]]}),
    ("shell_exec", {"argv": ["ls"], "cwd": "/"}), ("shell_exec", {"argv": ["ls"], "env": {"PATH": "/tmp"}}),
    ("shell_exec", {"argv": [1]}), ("fs_read", {}), ("fs_read", {"path": 1}), ("fs_read", {"path": None}),
    ("fs_read", {"path": "README.txt", "offset": -1}), ("fs_read", {"path": "README.txt", "limit": 10**9}),
    ("fs_read", {"path": "README.txt", "offset": 2**70}), ("fs_read", {"path": "README.txt", "follow": True}),
    ("fs_list", {"path": ["/"]}), ("fs_write", {"path": "x"}), ("fs_write", {"path": "x", "content": 1}),
    ("fs_write", {"path": "x", "content": "", "mode": "04777"}), ("fs_write", {"path": "x", "content": "\ud800"}),
]  # fmt: skip

ATTACKS: list[tuple[str, dict[str, Any]]] = [
    *(("fs_read", {"path": path}) for path in [*PATHS, *READ_ONLY_PATHS]),
    *(("fs_write", {"path": path, "content": "x"}) for path in PATHS if "%" not in path and path[0] not in "fC~．․"),
    *(("fs_list", {"path": path}) for path in [*PATHS, "README.txt", "hard.txt"]),
    *(("shell_exec", {"argv": ["cat", path]}) for path in [*PATHS, "hard.txt"]),
    *(("shell_exec", {"argv": ["ls", path]}) for path in PATHS if path not in ("pipe", "socket")),
    *(("shell_exec", {"argv": argv}) for argv in [*COMMANDS, *ODD_COMMANDS]),
    *SCHEMA,
]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    box = make_sandbox(tmp_path_factory.mktemp("sandbox"))
    put_traps(box)
    before = snapshot(box.path, box.outside)
    yield box
    assert snapshot(box.path, box.outside) == before


def _name(attack: tuple[str, dict[str, Any]]) -> str:
    return ascii(f"{attack[0]} {attack[1]}")[:70]


@pytest.mark.parametrize("attack", ATTACKS, ids=_name)
def test_the_way_out_is_refused_and_says_why(box: Sandbox, attack: tuple[str, dict[str, Any]]) -> None:
    result = box.call(attack[0], **attack[1])
    assert result.is_error
    assert result.structured_content is None
    assert 20 < len(text_of(result)) < 1500
    assert SECRET not in text_of(result)
    assert str(box.outside) not in text_of(result)


def test_the_attacks_leave_both_folders_as_they_were(tmp_path: Path) -> None:
    box = make_sandbox(tmp_path)
    put_traps(box)
    before = snapshot(box.path, box.outside)
    for tool, arguments in ATTACKS:
        box.call(tool, **arguments)
    assert snapshot(box.path, box.outside) == before


async def test_the_same_attacks_come_back_as_errors_over_the_wire(tmp_path: Path) -> None:
    box = make_sandbox(tmp_path)
    put_traps(box)
    before = snapshot(box.path, box.outside)
    async with connect(box.path) as client:
        for tool, arguments in ATTACKS:
            if _is_sendable(arguments):
                result = await client.call_tool(tool, arguments)
                assert result.is_error, (tool, arguments)
                assert SECRET not in text_of(result)
        alive = await client.call_tool("fs_read", {"path": "notes/groceries.txt"})
    assert "milk" in text_of(alive)
    assert snapshot(box.path, box.outside) == before


def _is_sendable(arguments: dict[str, Any]) -> bool:
    """Half a surrogate pair cannot be written as JSON in UTF-8."""
    return not any(0xD800 <= ord(sign) <= 0xDFFF for sign in str(arguments)) and "\\ud" not in repr(arguments)


@pytest.mark.parametrize("name", ["zero", "null", "full"])
def test_a_device_is_not_read(name: str) -> None:
    with pytest.raises(Refused, match="device"):
        files.read(Folder("/dev"), name)


def test_a_link_is_shown_as_one_and_not_followed(box: Sandbox) -> None:
    entries = {entry["name"]: entry for entry in box.call("fs_list").structured_content["entries"]}
    assert {entries[name]["kind"] for name in ("out_file", "out_dir", "loop", "zero")} == {"link"}
    assert {entries[name]["kind"] for name in ("pipe", "socket")} == {"other"}
    assert entries["out_file"]["size"] is None


def test_what_recursive_ls_shows_ends_at_the_links(box: Sandbox) -> None:
    assert "secret.txt" not in box.run("ls", "-R")["stdout"]


def test_writing_over_a_hard_link_leaves_the_other_name_alone(tmp_path: Path) -> None:
    box = make_sandbox(tmp_path)
    put_traps(box)
    assert not box.call("fs_write", path="hard.txt", content="mine").is_error
    assert (box.outside / "secret.txt").read_text() == SECRET + "\n"
    assert (box.path / "hard.txt").read_text() == "mine"


def test_text_that_only_looks_like_a_way_out_is_echoed(box: Sandbox) -> None:
    assert box.run("echo", "$(id) > /etc/x; `ls` ../.. --help")["stdout"] == "$(id) > /etc/x; `ls` ../.. --help\n"


def test_a_pattern_may_look_like_a_path_or_an_option(box: Sandbox) -> None:
    box.put("patterns.txt", "/etc/passwd\n-r\n../x\n")
    found = [box.run("grep", "-n", "--", pattern, "patterns.txt")["stdout"] for pattern in ("/etc", "-r", r"\.\./")]
    (box.path / "patterns.txt").unlink()
    assert found == ["1:/etc/passwd\n", "2:-r\n", "3:../x\n"]
