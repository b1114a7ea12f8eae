"""The two drivers the contract suite runs on, behind one small face. Functions run in this process on both."""

import json
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import inngest
from django.test import RequestFactory

from governance.models import Pause, Run
from governance.workflow.client import EmbeddedClient, server_client
from governance.workflow.embedded.calls import Functions
from governance.workflow.embedded.executor import Executor
from governance.workflow.registration import register
from governance.workflow.serve import guarded, serve_functions

Build = Callable[[inngest.Inngest], list[inngest.Function]]


class Journal:
    """What the functions did, in order. Every wait is bounded."""

    def __init__(self, patience: float) -> None:
        self.entries: list[Any] = []
        self._changed = threading.Condition()
        self.patience = patience

    def add(self, entry: Any) -> Any:
        with self._changed:
            self.entries.append(entry)
            self._changed.notify_all()
        return entry

    def count(self, entry: Any) -> int:
        with self._changed:
            return self.entries.count(entry)

    def wait_for(self, entry: Any, times: int = 1) -> None:
        with self._changed:
            arrived = self._changed.wait_for(lambda: self.entries.count(entry) >= times, timeout=self.patience)
            assert arrived, f"{entry!r} did not happen {times} times; what did: {self.entries}"


class Driver:
    """Serves functions and sends events. `calls` holds the body of every call the driver made, in order."""

    patience = 20.0

    def __init__(self) -> None:
        self.tag = uuid.uuid4().hex[:12]
        self.journal = Journal(self.patience)
        self.calls: list[dict[str, Any]] = []
        self.client = self.make_client()
        self.client.add_middleware(recorder(self.calls))

    def event(self, name: str) -> str:
        """An event name that no other test uses."""
        return f"test-{self.tag}/{name}"

    def send(self, name: str, data: dict[str, Any] | None = None, event_id: str = "") -> None:
        self.client.send_sync(inngest.Event(name=self.event(name), data=data or {}, id=event_id))

    def wait_until(self, holds: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + self.patience
        while not (found := holds()):
            assert time.monotonic() < deadline, f"{what}: it did not happen; journal: {self.journal.entries}"
            time.sleep(self.look_every)
        return found

    def run_ids(self) -> list[str]:
        return list(dict.fromkeys(call["ctx"]["run_id"] for call in list(self.calls)))

    def only_run(self) -> str:
        return self.wait_until(self.run_ids, "a run")[0]

    def ends_as(self, run_id: str, state: str) -> None:
        self.wait_until(lambda: self.state_of(run_id) in ("COMPLETED", "FAILED"), f"the end of run {run_id}")
        assert self.state_of(run_id) == state

    def last_call(self, run_id: str) -> dict[str, Any]:
        return [call for call in list(self.calls) if call["ctx"]["run_id"] == run_id][-1]

    look_every = 0.01

    def make_client(self) -> inngest.Inngest:
        raise NotImplementedError

    def serve(self, build: Build) -> None:
        raise NotImplementedError

    def state_of(self, run_id: str) -> str:
        """RUNNING, COMPLETED or FAILED."""
        raise NotImplementedError

    def wait_for_waits(self, number: int, *, ended: int = 0) -> None:
        """Returns when that many wait_for_event steps are waiting, beside those that ended before."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class EmbeddedDriver(Driver):
    executor: Executor | None = None

    def make_client(self) -> inngest.Inngest:
        return EmbeddedClient(f"contract-{self.tag}")

    def serve(self, build: Build) -> None:
        functions = Functions(self.client, build(self.client))
        self.executor = Executor(functions, backoff=lambda attempt: timedelta(milliseconds=10))
        self.executor.start()

    def state_of(self, run_id: str) -> str:
        return Run.objects.get(run_id=run_id).state

    def wait_for_waits(self, number: int, *, ended: int = 0) -> None:
        self.wait_until(lambda: Pause.objects.exclude(event_name="").count() >= number, f"{number} waits")

    def close(self) -> None:
        if self.executor:
            self.executor.stop(timeout=10)


class ServerDriver(Driver):
    """A real Inngest server. It must reach this process at `app_host`; see docs/workflow-driver.md."""

    patience = 90.0
    look_every = 0.25

    def __init__(self, *, base_url: str, event_key: str, signing_key: str, app_host: str) -> None:
        self.base_url, self.event_key, self.signing_key = base_url.rstrip("/"), event_key, signing_key
        self.app_host = app_host
        self._server: ThreadingHTTPServer | None = None
        self.operations: list[str] = []
        super().__init__()

    def make_client(self) -> inngest.Inngest:
        return server_client(self.signing_key, self.event_key, self.base_url, app_id=f"contract-{self.tag}")

    def serve(self, build: Build) -> None:
        view = serve_functions(self.client, build(self.client))
        self._server = ThreadingHTTPServer((self.app_host, 0), _handler(view, self.app_host, self.operations))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        register(f"http://{self.app_host}:{self._server.server_port}/api/inngest", patience=30)

    def state_of(self, run_id: str) -> str:
        request = Request(
            f"{self.base_url}/v1/runs/{run_id}", headers={"Authorization": f"Bearer {self.signing_key}"}
        )
        try:
            with urlopen(request, timeout=10) as response:
                state = json.load(response)["data"]["status"]
        except HTTPError as error:
            if error.code == 404:  # not indexed yet
                return "RUNNING"
            raise
        return str(state).upper()

    def wait_for_waits(self, number: int, *, ended: int = 0) -> None:
        """The server stores a wait after the answer that asked for it; nothing tells when, so it is given a second."""
        self.wait_until(lambda: self.operations.count("WaitForEvent") >= number + ended, f"{number} waits")
        time.sleep(1.0)

    def close(self) -> None:
        for run_id in self.run_ids():
            if self.state_of(run_id) == "RUNNING":
                self._cancel(run_id)
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def _cancel(self, run_id: str) -> None:
        request = Request(
            f"{self.base_url}/v1/runs/{run_id}", method="DELETE",
            headers={"Authorization": f"Bearer {self.signing_key}"},
        )
        try:
            urlopen(request, timeout=10).close()
        except HTTPError as error:
            if error.code not in (400, 404, 409):  # it ended in the meantime
                raise


def recorder(calls: list[dict[str, Any]]) -> type[inngest.MiddlewareSync]:
    """A middleware of the SDK that keeps the body of every call the driver made."""

    class Recorder(inngest.MiddlewareSync):
        def __init__(self, client: inngest.Inngest, raw_request: Any) -> None:
            super().__init__(client, raw_request)
            if raw_request is not None and raw_request.method == "POST":
                calls.append(json.loads(raw_request.body))

    return Recorder


def _handler(view: Callable[..., Any], host: str, operations: list[str]) -> type[BaseHTTPRequestHandler]:
    """Serves the view on a plain socket, and notes the operations it answers with."""
    factory = RequestFactory()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = factory.generic(
                self.command, self.path, body, content_type=self.headers.get("Content-Type", "application/json"),
                headers={name: value for name, value in self.headers.items() if name.lower() != "host"},
                SERVER_NAME=host, SERVER_PORT=str(self.server.server_port),
            )
            response = guarded(view, request)
            if response.status_code == 206:
                operations.extend(operation["op"] for operation in json.loads(response.content))
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
