"""A loopback HTTP server that answers POST /v1/chat/completions as it is told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-right"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "OpenAIServer"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.requests.append(body)
        if self.headers["Authorization"] != f"Bearer {KEY}":
            return self._send(401, {"error": {"message": f"Incorrect key {self.headers['Authorization']}"}})
        if server.silent:
            server.asked.set()
            server.released.wait(30)
            return None
        if server.drips:
            return self._drip()
        for option, message in server.refused_options.items():
            if option in body:
                return self._send(400, {"error": {"message": message, "param": option, "code": "unsupported_value"}})
        if server.status != 200:
            return self._send(server.status, {"error": {"message": f"told to; key {KEY}"}})
        return self._send(200, server.raw if server.raw is not None else server.completion())

    def _send(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status in (429, 500):
            self.send_header("Retry-After-Ms", "1")
        self.end_headers()
        self.wfile.write(data)

    def _drip(self) -> None:
        """A body that never ends, one space at a time: no read of it ever times out."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            while not self.server.released.wait(0.01):
                self.wfile.write(b" ")
                self.wfile.flush()
        except OSError:
            self.server.hung_up.set()


class OpenAIServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reset()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def reset(self) -> None:
        self.content: Any = ""
        self.finish_reason: str | None = "stop"
        self.message: dict[str, Any] = {}
        self.choices: list[Any] | None = None
        self.raw: bytes | None = None
        self.status = 200
        self.silent = self.drips = False
        self.refused_options: dict[str, str] = {}
        self.requests: list[dict[str, Any]] = []
        self.asked, self.released, self.hung_up = threading.Event(), threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def completion(self) -> dict[str, Any]:
        choice = {"index": 0, "finish_reason": self.finish_reason,
                  "message": {"role": "assistant", "content": self.content, **self.message}}
        return {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [choice] if self.choices is None else self.choices}
