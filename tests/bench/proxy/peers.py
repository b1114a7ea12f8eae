"""The other gateways, each in a virtual environment of its own below .cache/bench-peers.

fastmcp's is made here, from peers.txt. ContextForge's is not: it needs another major version of the SDK and a hundred
packages, so it is measured where somebody installed it:

    python3 -m venv .cache/bench-peers/contextforge
    .cache/bench-peers/contextforge/bin/pip install mcp-contextforge-gateway==1.0.7.post20260921
"""

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.proxy.process import serving
from tests.bench.proxy.wire import Target
from tests.gateway import ROOT, clean_env

CACHE = ROOT / ".cache"
FASTMCP = CACHE / "bench-peers" / "fastmcp"
CONTEXTFORGE = CACHE / "bench-peers" / "contextforge" / "bin" / "python"
REQUIREMENTS = Path(__file__).with_name("peers.txt")
HERE = Path(__file__).parent
INSTALL_SECONDS = 600
FORGE_VERSION = "2025-06-18"  # the newest that ContextForge's SDK speaks


def fastmcp_python() -> Path:
    """The Python that has fastmcp; makes the environment when there is none of exactly these requirements."""
    stamp, wanted = FASTMCP / ".installed", REQUIREMENTS.read_text()
    python = FASTMCP / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Installing fastmcp into .cache/bench-peers (needs PyPI) …", flush=True)
        CACHE.mkdir(exist_ok=True)
        (CACHE / ".gitignore").write_text("*\n")
        uv = [sys.executable, "-m", "uv"]
        _run([*uv, "venv", "--quiet", "--python", sys.executable, "--clear", str(FASTMCP)])
        _run([*uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(python), "-r", str(REQUIREMENTS)])
        stamp.write_text(wanted)
    return python


def _run(command: list[str], **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def version_of(python: Path, package: str) -> str:
    """The installed version of a package in that environment; empty when it has none."""
    if not python.exists():
        return ""
    code = f"import importlib.metadata as m; print(next((d.version for d in m.distributions(name={package!r})), ''))"
    return _run([str(python), "-P", "-c", code], env=clean_env()).strip()


@contextmanager
def fastmcp(python: Path, kind: str, url: str, folder: Path) -> Iterator[Target]:
    """fastmcp's proxy before the server at `url`; `kind` as in fastmcp_proxy.py."""
    command = [str(python), "-P", str(HERE / "fastmcp_proxy.py")]
    with serving(lambda number: [*command, str(number), url, kind], folder, clean_env(), "/health/live") as port:
        yield Target(f"fastmcp {kind}", port)


@contextmanager
def contextforge(python: Path, url: str, folder: Path) -> Iterator[Target]:
    """ContextForge before the server at `url`: SQLite, sessions kept, JSON answers, a JWT for every call.

    Its caps on calls and its ban on loopback servers are off, its console and plugins too; all else is its default.
    """
    env = {
        "PATH": os.environ.get("PATH", ""), "HOME": str(folder), "HOST": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{folder / 'forge.db'}", "CACHE_TYPE": "memory", "LOG_LEVEL": "ERROR",
        "JWT_SECRET_KEY": f"Aa1-{secrets.token_hex(32)}", "AUTH_ENCRYPTION_SECRET": f"Aa1-{secrets.token_hex(32)}",
        "PLATFORM_ADMIN_EMAIL": "admin@example.com", "PLATFORM_ADMIN_PASSWORD": f"Aa1!{secrets.token_hex(16)}",
        "BASIC_AUTH_PASSWORD": f"Aa1!{secrets.token_hex(16)}",
        "USE_STATEFUL_SESSIONS": "true", "JSON_RESPONSE_ENABLED": "true", "RATE_LIMITING_ENABLED": "false",
        "SSRF_ALLOW_LOCALHOST": "true", "SSRF_ALLOW_PRIVATE_NETWORKS": "true", "PLUGINS_ENABLED": "false",
        "MCPGATEWAY_UI_ENABLED": "false", "MCPGATEWAY_ADMIN_API_ENABLED": "false",
    }
    serve = [str(python), "-P", str(ROOT / "tests" / "serve_uvicorn.py")]
    with serving(lambda number: [*serve, str(number), "mcpgateway.main:app"], folder, env, "/health") as port:
        token = _forge_token(python, folder, env)
        tool, server = _register(port, token, url)
        yield Target("ContextForge", port, tool, f"/servers/{server}/mcp", token, newest=FORGE_VERSION)


def _forge_token(python: Path, folder: Path, env: dict[str, str]) -> str:
    """A JWT of its administrator that is valid for ten hours."""
    module = [str(python), "-P", "-m", "mcpgateway.utils.create_jwt_token"]
    printed = _run([*module, "--username", env["PLATFORM_ADMIN_EMAIL"], "--admin", "--exp", "600"], cwd=folder, env=env)
    return printed.splitlines()[-1]


def _register(port: int, token: str, url: str) -> tuple[str, str]:
    """Adds the server and a virtual server with its tool: the tool's name there, the virtual server's id."""

    def ask(path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    ask("/gateways", {"name": "direct", "url": url, "transport": "STREAMABLEHTTP"})
    (tool,) = ask("/tools")
    made = ask("/servers", {"server": {"name": "bench", "associated_tools": [tool["id"]]}})
    return tool["name"], made["id"]
