"""The load client, in a process of its own: one thread, raw sockets, the same code for every target.

`Load` starts it and asks; the process itself is this module run with `-m`. One JSON line in, one out. Every answer is
compared with what was asked; a wrong one ends the bench.
"""

import itertools
import json
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Self

from tests.bench.proxy.wire import ANSWER_SECONDS, Caller, Target, WireError, check, complete
from tests.gateway import ROOT, clean_env

WARM = 2  # calls of each connection before the clock starts


@dataclass(frozen=True)
class Turn:
    """What one target did in its turn."""

    p50: float  # seconds
    per_second: float
    calls: int


class Load:
    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.proxy.load"], cwd=ROOT, text=True, env=clean_env(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,  # Ctrl-C is the bench's to handle
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def turn(self, target: Target, callers: int, seconds: float) -> Turn:
        """Calls the target for so long by so many kept connections, each with one call under way."""
        asked = {"target": target.as_json(), "callers": callers, "seconds": seconds}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the load client has ended"}')
        if "error" in answer:
            raise WireError(f"{target.name}: {answer['error']}")
        return Turn(**answer)


_texts = (f"text-{number}" for number in itertools.count())
_sessions: dict[tuple[Target, int], str] = {}


def _opened(target: Target, number: int) -> Caller:
    """A new connection; a target with sessions keeps this caller's session from turn to turn."""
    caller = Caller(target, _sessions.get((target, number), "")).open()
    _sessions[target, number] = caller.session
    return caller


def _measure(target: Target, callers: int, seconds: float) -> dict[str, Any]:
    group = [_opened(target, number) for number in range(callers)]
    try:
        for caller in group * WARM:
            caller.call(next(_texts))
        begun = time.perf_counter()
        times = _drive(group, begun + seconds)
        took = time.perf_counter() - begun
    finally:
        for caller in group:
            caller.close()
    return {"p50": sorted(times)[len(times) // 2], "per_second": len(times) / took, "calls": len(times)}


def _drive(group: list[Caller], until: float) -> list[float]:
    """Seconds of each call: whoever has its answer asks again, until the time is over and the last answer is there."""
    times: list[float] = []
    with selectors.DefaultSelector() as selector:
        under_way: dict[Caller, tuple[float, str, bytes]] = {}

        def ask(caller: Caller) -> None:
            text = next(_texts)
            request = caller.request(text)
            under_way[caller] = (time.perf_counter(), text, b"")
            caller.socket.sendall(request)

        for caller in group:
            selector.register(caller.socket, selectors.EVENT_READ, caller)
            ask(caller)
        while under_way:
            ready = selector.select(ANSWER_SECONDS)
            if not ready:
                raise WireError(f"no answer within {ANSWER_SECONDS:g} s")
            for key, _ in ready:
                caller = key.data
                begun, text, data = under_way[caller]
                more = caller.socket.recv(65536)
                if not more:
                    raise WireError(f"the connection was closed after {data[:500]!r}")
                response = complete(data + more)
                if response is None:
                    under_way[caller] = (begun, text, data + more)
                    continue
                now = time.perf_counter()
                check(response, text)
                times.append(now - begun)
                del under_way[caller]
                if now < until:
                    ask(caller)
    return times


def serve() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = _measure(Target(**asked["target"]), asked["callers"], asked["seconds"])
        except (WireError, OSError, ValueError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
