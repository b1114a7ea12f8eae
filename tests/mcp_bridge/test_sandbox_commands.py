"""What runs: the line as it was understood, in the sandbox folder, with nothing of the server's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_bridge.sandbox import Refused, confine, run
from mcp_bridge.sandbox.commands import COMMANDS, understand
from tests.gateway import ROOT
from tests.mcp_bridge.agents import text_of
from tests.mcp_bridge.sandboxes import Sandbox, make_sandbox
from tests.waiting import wait_for

needs_landlock = pytest.mark.skipif(not confine.landlock_version(), reason="this kernel has no Landlock")
needs_proc = pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="no /proc here")

WORDS = "one two\nthree four\nthree four\nfive\n"

LINES = [
    (["cat", "-n", "words.txt"], "     1\tone two\n     2\tthree four\n     3\tthree four\n     4\tfive\n"),
    (["cut", "-d", " ", "-f2", "words.txt"], "two\nfour\nfour\nfive\n"),
    (["cut", "-d ", "-sf", "2", "words.txt"], "two\nfour\nfour\n"),
    (["echo", "-n", "hi"], "hi"),
    (["grep", "-in", "FIVE", "words.txt"], "4:five\n"),
    (["grep", "-c", "three", "words.txt", "notes/groceries.txt"], "words.txt:2\nnotes/groceries.txt:0\n"),
    (["grep", "five", "words.txt", "-B1"], "three four\nfive\n"),
    (["head", "-2", "words.txt"], "one two\nthree four\n"),
    (["head", "-qn", "1", "words.txt", "./notes//groceries.txt"], "one two\nbread\n"),
    (["head", "-c7", "words.txt"], "one two"),
    (["ls"], "README.txt\nnotes\nwords.txt\n"),
    (["ls", "notes/", "words.txt"], "words.txt\n\nnotes:\ngroceries.txt\nmeeting.md\n"),
    (["sort", "-r", "notes/groceries.txt"], "milk\ncoffee\nbread\napples\n"),
    (["sort", "-u", "-t", " ", "-k2,2", "words.txt"], "five\nthree four\none two\n"),
    (["tail", "-n", "+4", "words.txt"], "five\n"),
    (["tail", "-1", "--", "words.txt"], "five\n"),
    (["uname"], f"{os.uname().sysname}\n"),
    (["wc", "-l", "words.txt"], "4 words.txt\n"),
]


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    box = make_sandbox(tmp_path)
    box.put("words.txt", WORDS)
    return box


@pytest.mark.parametrize(("argv", "stdout"), LINES, ids=[" ".join(argv) for argv, _ in LINES])
def test_a_line_of_the_list_runs(box: Sandbox, argv: list[str], stdout: str) -> None:
    answer = box.run(*argv)
    assert (answer["stdout"].lstrip(), answer["stderr"]) == (stdout.lstrip(), "")
    assert (answer["exit_code"], answer["stopped"]) == (0, "")


def test_every_command_of_the_list_is_tried_here() -> None:
    assert set(COMMANDS) - {argv[0] for argv, _ in LINES} == {"date", "pwd", "uniq"}  # below


def test_it_runs_in_the_sandbox_folder(box: Sandbox) -> None:
    assert box.run("pwd")["stdout"] == f"{box.path.resolve()}\n"


def test_uniq_counts(box: Sandbox) -> None:
    assert [line.split() for line in box.run("uniq", "-c", "words.txt")["stdout"].splitlines()][1][0] == "2"


def test_date_prints_what_its_format_says(box: Sandbox) -> None:
    assert box.run("date", "-u", "+%Z at noon")["stdout"] == "UTC at noon\n"


def test_an_exit_code_is_an_answer_and_not_an_error(box: Sandbox) -> None:
    result = box.call("shell_exec", argv=["grep", "absent", "words.txt"])
    assert not result.is_error
    assert result.structured_content["exit_code"] == 1
    assert text_of(result) == "[exit code 1]"


@pytest.mark.parametrize(
    ("argv", "arguments"),
    [
        (["cat", "a.txt", "-n"], ("-n", "--", "a.txt")),  # an option wherever it stands, so that it is checked as one
        (["cat", "--", "-n"], ("--", "-n")),
        (["cat", "./-n", ".//b/"], ("--", "-n", "b")),
        (["head", "-5", "a.txt"], ("-n", "5", "--", "a.txt")),
        (["grep", "-il", "--", "-x", "a.txt"], ("-i", "-l", "--", "-x", "a.txt")),
        (["sort", "-rk2", "a.txt"], ("-r", "-k", "2", "--", "a.txt")),
        (["ls"], ("--",)),
    ],
    ids=str,
)
def test_a_line_is_written_anew_from_what_was_understood(argv: list[str], arguments: tuple[str, ...]) -> None:
    assert understand(argv).arguments == arguments


def test_an_option_that_is_not_on_the_list_names_those_that_are() -> None:
    with pytest.raises(Refused, match=r"the option --help is not on the list\. Allowed: -b -n -s\."):
        understand(["cat", "--help"])


@pytest.mark.parametrize("operand", ["-", "./-"])
def test_the_name_of_standard_input_is_refused_even_where_a_file_has_it(box: Sandbox, operand: str) -> None:
    box.put("-", "a file\n")
    assert "there is none. Name a file." in text_of(box.call("shell_exec", argv=["cat", operand]))


def test_a_file_named_like_an_option_is_read_as_a_file(box: Sandbox) -> None:
    box.put("--help", "just a file\n")
    assert box.run("cat", "--", "--help")["stdout"] == "just a file\n"


def test_a_command_that_is_not_installed_is_refused(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SEARCHED", (str(box.path),))
    assert "not installed" in text_of(box.call("shell_exec", argv=["ls"]))


# -- what it is confined by: programs that are on no list, started past the check ---------------


def start(box: Sandbox, *argv: str, seconds: float = 30, **limits: int) -> run.Finished:
    return run.run(box.folder, run.find(argv[0]), list(argv), {**run.LIMITS, **limits}, seconds=seconds)


def test_a_command_sees_nothing_of_the_servers_environment(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_SECRET", "do not show")
    names = {line.partition("=")[0] for line in start(box, "env").stdout.splitlines()}
    assert names == {"PATH", "LANG", "LC_ALL", "TZ"}


def test_a_command_has_only_its_three_descriptors(box: Sandbox) -> None:
    # Numbers of two digits are understood by bash alone. One more that is open would be the server's.
    finished = start(box, "bash", "-c", "for fd in {0..60}; do (exec <&$fd) && echo $fd; done")
    assert finished.stdout.split() == ["0", "1", "2"], finished.stderr


def test_the_limits_hold(box: Sandbox) -> None:
    shown = start(box, "sh", "-c", "ulimit -t; ulimit -v; ulimit -f; ulimit -n; ulimit -c").stdout.split()
    assert shown[0] == "5"
    assert shown[1] == ("unlimited" if sys.platform == "darwin" else str(512 * 1024))
    assert shown[2:] == ["0", "64", "0"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may always start processes")
def test_a_command_cannot_start_another_process(box: Sandbox) -> None:
    finished = start(box, "sh", "-c", "(echo started)", RLIMIT_NPROC=0)
    assert "started" not in finished.stdout


def test_a_process_limit_is_part_of_every_line_but_where_threads_are_needed(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}
    monkeypatch.setattr(
        run, "run", lambda folder, program, argv, limits: seen.update({argv[0]: limits.get("RLIMIT_NPROC")})
    )
    for argv, _ in LINES:
        run.shell_exec(box.folder, argv)
    assert seen.pop("sort") is None
    assert set(seen.values()) == {0}


def test_a_program_that_uses_the_processor_is_stopped(box: Sandbox) -> None:
    finished = start(box, "sh", "-c", "while :; do :; done", RLIMIT_CPU=1)
    assert finished.stopped in ("SIGXCPU", "SIGKILL")
    assert finished.exit_code is None


def test_a_program_that_waits_is_stopped_with_all_that_it_started(box: Sandbox) -> None:
    finished = start(box, "sh", "-c", "sh -c 'echo pid $$; exec tail -f words.txt' | cat", seconds=1)
    assert finished.stopped == "timeout"
    pid = int(finished.stdout.split("pid ")[1].split()[0])
    wait_for(lambda: not _runs(pid), "the end of the child")


def test_a_program_that_closed_its_output_is_stopped_too(box: Sandbox) -> None:
    assert start(box, "sh", "-c", "exec >&- 2>&-; sleep 600", seconds=1).stopped == "timeout"


@needs_proc
def test_a_command_ends_with_the_server(box: Sandbox) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux can tie a process to its parent")
    code = (
        "import sys; from mcp_bridge.sandbox import run; from mcp_bridge.sandbox.paths import Folder\n"
        "run.run(Folder(sys.argv[1]), run.find('sleep'), ['sleep', '600'], run.LIMITS, seconds=600)"
    )
    server = subprocess.Popen([sys.executable, "-c", code, str(box.path)], cwd=ROOT)
    try:
        child = wait_for(lambda: _child_of(server.pid, "sleep"), "the command")
    finally:
        server.kill()
        server.wait(30)
    wait_for(lambda: not _runs(child), "the end of the command")


def test_nothing_runs_when_something_cannot_be_given_up(box: Sandbox) -> None:
    with pytest.raises(Refused, match=r"Nothing was run: .*RLIMIT_NONSENSE"):
        start(box, "echo", "ran", RLIMIT_NONSENSE=1)


@needs_landlock
@pytest.mark.parametrize(
    "argv",
    [
        ["cat", "/etc/passwd"], ["cat", "/proc/self/environ"], ["ls", "/"], ["ls", ".."],
        ["sort", "-o", "new", "words.txt"], ["sort", "-o", "words.txt", "words.txt"], ["cp", "words.txt", "new"],
        ["rm", "words.txt"], ["mkdir", "new"], ["ln", "-s", "/etc", "new"], ["sh", "-c", "echo x > new"],
        ["sh", "-c", ": > /tmp/atlas-new"], ["sh", "words.txt"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_kernel_refuses_what_the_lists_would_have_let_through(box: Sandbox, argv: list[str]) -> None:
    box.put("words.txt", WORDS)
    finished = start(box, *argv)
    assert finished.exit_code != 0
    assert finished.stdout == ""
    assert sorted(path.name for path in box.path.iterdir()) == ["README.txt", "notes", "words.txt"]
    assert (box.path / "words.txt").read_text() == WORDS
    assert not Path("/tmp/atlas-new").exists()


@needs_landlock
def test_a_program_in_the_sandbox_cannot_be_started(box: Sandbox) -> None:
    box.put("run.sh", "#!/bin/sh\necho ran\n")
    (box.path / "run.sh").chmod(0o700)
    finished = start(box, "sh", "-c", "./run.sh")
    assert "ran" not in finished.stdout
    assert finished.exit_code == 126


def _runs(pid: int) -> bool:
    """Whether it is alive; a process that nobody has waited for yet is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX" if stat.parent.parent.exists() else True
    except (FileNotFoundError, ProcessLookupError):
        return False


def _child_of(server: int, name: str) -> int:
    """The process of this name that the server started; 0 while there is none."""
    for task in Path(f"/proc/{server}/task").glob("*/children"):
        for pid in task.read_text().split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                return int(pid)
    return 0
