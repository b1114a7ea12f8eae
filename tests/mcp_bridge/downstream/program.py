"""A stdio MCP server without the SDK, which misbehaves as its first argument says.

    python -m tests.mcp_bridge.downstream.program BEHAVIOUR [FILE that counts calls and starts]
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

behaviour = sys.argv[1]
waiting: list[dict] = []  # what came while an answer was awaited
notes = Path(sys.argv[2]) if len(sys.argv) > 2 else None


def note(word: str) -> None:
    if notes:
        with notes.open("a") as file:
            file.write(f"{word} {os.getpid()}\n")


def say(message: object) -> None:
    text = message if isinstance(message, str) else json.dumps({"jsonrpc": "2.0", **message})
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def text(request: dict, words: str) -> None:
    say({"id": request["id"], "result": {"content": [{"type": "text", "text": words}], "isError": False}})


def act(request: dict) -> None:
    if behaviour == "dies":
        os._exit(3)
    elif behaviour == "line":
        sys.stdout.write(f'{{"jsonrpc":"2.0","id":{request["id"]},"result":{{"content":[{{"type":"text","text":"')
        for _ in range(600):
            sys.stdout.write("z" * 10_000)
        say('"}],"isError":false}}')
    elif behaviour == "large":
        text(request, "z" * 2_000_000)
    elif behaviour == "flood":
        while True:
            say({"method": "notifications/message", "params": {}})
    elif behaviour == "nonsense":
        say("{nope")
    elif behaviour == "chatty":
        say("Listening to you now!")
        sys.stderr.write("complaint\n" * 50_000)
        text(request, "done")
    elif behaviour == "deaf":
        time.sleep(3600)
    elif behaviour == "asks":
        say({"id": "q1", "method": "elicitation/create", "params": {"message": "Who?", "requestedSchema": {}}})
        while "result" not in (answer := json.loads(sys.stdin.readline())):
            waiting.append(answer)
        text(request, answer["result"]["action"])
    elif behaviour == "waits":
        say({"method": "notifications/progress", "params": {"progressToken": "nobody's", "progress": 1}})
    else:
        text(request, "done")


def main() -> None:
    note("start")
    if behaviour == "family":  # as npx does: the server is a child of what was started
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        note(f"child {child.pid}")
    if behaviour == "stillborn":
        sys.exit(5)
    for line in sys.stdin:
        request = json.loads(line)
        method = request.get("method")
        if method == "initialize" and behaviour == "modern":
            say({"id": request["id"], "error": {"code": -32022, "message": "too old", "data": {}}})
        elif method == "initialize":
            info = {"name": "program", "version": "1"}
            result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
            say({"id": request["id"], "result": result})
        elif method == "server/discover":
            result = {"supportedVersions": ["2026-07-28"], "capabilities": {}, "resultType": "complete"}
            say({"id": request["id"], "result": result})
        elif method == "tools/call":
            note("call")
            act(request)
            while waiting:
                act(waiting.pop(0))
        elif method == "notifications/cancelled":
            note("cancelled")
    if behaviour == "stubborn":
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note("ignores")
        time.sleep(3600)


main()
