"""Child processes: what they are given, how they end, and what a call of one that breaks becomes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from governance.errors import DownstreamFailed, DownstreamUnknown
from mcp_bridge.downstream.remote import Endpoint
from tests.mcp_bridge.downstream.bounded import until
from tests.waiting import wait_for

ROOT = Path(__file__).parents[3]


def program(behaviour: str, notes: Path | str = "", **options: Any) -> Endpoint:
    args = ("-m", "tests.mcp_bridge.downstream.program", behaviour, *([str(notes)] if notes else []))
    return Endpoint(
        key="program", kind="stdio", command=sys.executable, args=args, cwd=str(ROOT),
        **{"timeout_seconds": 20, **options},
    )


def words(notes: Path) -> list[list[str]]:
    return [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_child_sees_its_own_environment_and_none_of_the_gateways(pool, monkeypatch, tmp_path):
    monkeypatch.setenv("ATLAS_SECRET", "mine")
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    endpoint = Endpoint(
        key="child", kind="stdio", command=sys.executable, args=("-m", "tests.mcp_bridge.downstream.everything"),
        env=(("TOKEN", "theirs"), ("PYTHONPATH", str(ROOT))), cwd=str(tmp_path), timeout_seconds=20,
    )
    facts = json.loads((await pool.connection(endpoint).call("env", {})).content[0]["text"])
    assert facts["env"]["TOKEN"] == "theirs"
    assert set(facts["env"]) <= {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "TOKEN", "PYTHONPATH", "LC_CTYPE"}
    assert facts["cwd"] == str(tmp_path)
    assert facts["group"] == facts["pid"] != os.getpgrp()
    assert facts["core"] == 0
    assert facts["files"] <= 4096
    assert "theirs" not in repr(endpoint)


async def test_a_call_that_the_child_did_not_survive_is_unknown_and_the_next_one_starts_it_again(pool, tmp_path):
    notes = tmp_path / "notes"
    connection = pool.connection(program("dies", notes))
    for _ in range(2):
        with pytest.raises(DownstreamUnknown, match=r"program ended \(exit code 3\) before it answered"):
            await connection.call("act", {})
    assert [word for word, _ in words(notes)] == ["start", "call", "start", "call"]


async def test_a_child_that_dies_at_once_is_started_less_and_less_often(pool, tmp_path):
    notes = tmp_path / "notes"
    connection = pool.connection(program("stillborn", notes))
    for _ in range(10):
        with pytest.raises(DownstreamFailed):
            await connection.call("act", {})
    assert len(words(notes)) == 5
    with pytest.raises(DownstreamFailed, match=r"is down since .* the call was not sent.*exit code 5"):
        await connection.call("act", {})


async def test_a_program_that_does_not_exist_is_a_failure_in_words(pool):
    for command in ("no-such-program-at-all", "/no/such/program"):
        connection = pool.connection(Endpoint(key=command, kind="stdio", command=command, timeout_seconds=20))
        with pytest.raises(DownstreamFailed, match=r"was not found|exit code 127"):
            await connection.call("act", {})


async def test_a_folder_that_does_not_exist_is_a_failure_in_words(pool):
    endpoint = Endpoint(key="child", kind="stdio", command=sys.executable, cwd="/no/such/folder")
    with pytest.raises(DownstreamFailed, match="cannot be started"):
        await pool.connection(endpoint).call("act", {})


async def test_a_line_that_is_far_too_long_is_cut_and_ends_the_child(pool, tmp_path):
    notes = tmp_path / "notes"
    connection = pool.connection(program("line", notes, max_result_bytes=10_000))
    result = await connection.call("act", {})
    assert result.content[0]["text"].startswith("zzz")
    assert len(json.dumps(result.as_json())) < 20_000
    assert "cut this result" in result.content[1]["text"]
    await until(lambda: not is_alive(int(words(notes)[0][1])))
    await connection.call("act", {})
    assert [word for word, _ in words(notes)] == ["start", "call", "start", "call"]


async def test_a_result_over_the_limit_is_cut_and_the_child_goes_on(pool, tmp_path):
    notes = tmp_path / "notes"
    connection = pool.connection(program("large", notes, max_result_bytes=10_000))
    for _ in range(2):
        result = await connection.call("act", {})
        assert "cut this result" in result.content[1]["text"]
        assert "not known" not in result.content[1]["text"]
    assert [word for word, _ in words(notes)] == ["start", "call", "call"]


@pytest.mark.parametrize(
    ("behaviour", "what"), [("flood", "more than 20,000 messages"), ("nonsense", "a message that is not valid JSON")]
)
async def test_a_child_that_floods_or_talks_nonsense_is_let_go(pool, tmp_path, behaviour, what):
    notes = tmp_path / "notes"
    with pytest.raises(DownstreamUnknown, match=what):
        await pool.connection(program(behaviour, notes)).call("act", {})
    await until(lambda: not is_alive(int(words(notes)[0][1])))


async def test_prints_and_complaints_of_the_child_disturb_nothing(pool):
    assert (await pool.connection(program("chatty")).call("act", {})).content[0]["text"] == "done"


async def test_a_server_that_knows_only_the_new_protocol_is_understood(pool):
    connection = pool.connection(program("modern"))
    assert (await connection.call("act", {})).content[0]["text"] == "done"
    assert connection.protocol_version == "2026-07-28"


async def test_a_child_that_does_not_answer_makes_its_call_unknown(pool, tmp_path):
    notes = tmp_path / "notes"
    connection = pool.connection(program("deaf", notes, timeout_seconds=1.5))
    await connection.open()
    with pytest.raises(DownstreamUnknown, match=r"no answer within 1\.5 seconds"):
        await connection.call("act", {})
    assert [word for word, _ in words(notes)] == ["start", "call"]


async def test_a_cancelled_call_is_cancelled_in_the_child(pool, tmp_path):
    notes = tmp_path / "notes"
    call = asyncio.create_task(pool.connection(program("waits", notes)).call("act", {}))
    await until(lambda: ["call"] in [line[:1] for line in words(notes)])
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: ["cancelled"] in [line[:1] for line in words(notes)])


async def test_a_question_is_asked_only_when_one_call_is_under_way(pool):
    """Over one stream a question does not say which call it belongs to: it must not reach another agent's client."""
    asked: list[Any] = []

    async def on_elicit(params: Any) -> dict[str, Any]:
        asked.append(params)
        return {"action": "accept", "content": {}}

    connection = pool.connection(program("asks"))
    assert (await connection.call("act", {}, on_elicit=on_elicit)).content[0]["text"] == "accept"
    first, second = await asyncio.gather(
        connection.call("act", {}, on_elicit=on_elicit), connection.call("act", {}, on_elicit=on_elicit)
    )
    assert first.content[0]["text"] == "decline"
    assert len(asked) == 1 + [second.content[0]["text"]].count("accept")


@pytest.mark.parametrize("behaviour", ["stubborn", "family"])
async def test_closing_ends_the_child_and_its_children(pool, tmp_path, behaviour):
    notes = tmp_path / "notes"
    connection = pool.connection(program(behaviour, notes))
    await connection.call("act", {})
    pids = [int(line[-1]) for line in words(notes)] + [int(line[1]) for line in words(notes) if line[0] == "child"]
    assert all(is_alive(pid) for pid in pids)
    await pool.close("program")
    await until(lambda: not any(is_alive(pid) for pid in pids))


def test_a_gateway_that_is_killed_leaves_no_orphan(tmp_path):
    notes = tmp_path / "notes"
    code = f"""
import asyncio, django
django.setup()
from mcp_bridge.downstream.remote import Pool, run_sync
from tests.mcp_bridge.downstream.test_stdio import program
connection = Pool().connection(program("family", {str(notes)!r}))
run_sync(connection.call("act", {{}}), 30)
print("called", flush=True)
import time; time.sleep(3600)
"""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "atlas_site.settings"}
    gateway = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env, stdout=subprocess.PIPE)
    try:
        timer = threading.Timer(60, gateway.kill)
        timer.start()
        assert gateway.stdout.readline() == b"called\n"
        timer.cancel()
    finally:
        gateway.send_signal(signal.SIGKILL)
        gateway.wait(20)
        gateway.stdout.close()
    pids = [int(line[-1]) for line in words(notes)] + [int(line[1]) for line in words(notes) if line[0] == "child"]
    assert len(pids) == 4
    wait_for(lambda: not any(is_alive(pid) for pid in pids), "the children to end", seconds=20)
