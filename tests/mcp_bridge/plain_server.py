"""A tool server without an SDK: it says exactly the JSON that a test gives it, in either protocol era."""

import json
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


class PlainServer:
    """An ASGI application. `answers[method]` is the result, or a function of the params that returns it."""

    def __init__(self, *, modern: bool, **capabilities: Any) -> None:
        self.modern, self.capabilities = modern, {"tools": {}, **capabilities}
        self.answers: dict[str, Any] = {}
        self.heard: list[Json] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        said = json.loads(body) if body else {}
        self.heard.append(said)
        status, answer = self._answer(said) if scope["method"] == "POST" else (405, None)
        content = json.dumps(answer).encode() if answer is not None else b""
        headers = [(b"content-type", b"application/json")] if content else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, said: Mapping[str, Any]) -> tuple[int, Json | None]:
        if "id" not in said:
            return 202, None
        result = self._result(said["method"], said.get("params") or {})
        if result is None:
            error = {"code": -32601, "message": "Method not found"}
            return 200, {"jsonrpc": "2.0", "id": said["id"], "error": error}
        if self.modern:
            result = {"resultType": "complete", **result}
        return 200, {"jsonrpc": "2.0", "id": said["id"], "result": result}

    def _result(self, method: str, params: Mapping[str, Any]) -> Json | None:
        info = {"name": "plain", "version": "1"}
        if method == "server/discover" and self.modern:
            return {"supportedVersions": ["2026-07-28"], "capabilities": self.capabilities,
                    "_meta": {"io.modelcontextprotocol/serverInfo": info}}
        if method == "initialize" and not self.modern:
            return {"protocolVersion": "2025-11-25", "capabilities": self.capabilities, "serverInfo": info}
        answer = self.answers.get(method)
        return answer(params) if callable(answer) else answer
