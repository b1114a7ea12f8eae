"""Peers: each LLM backend together with the loopback server it talks to, behind one interface."""

import json
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from governance.scoring import registry
from governance.scoring.base import ProposedCall
from tests.governance.scoring import modal_server, openai_server

# The same examples in every run, no time limit on shared machines, nothing written to the tree.
hypothesis.settings.register_profile("atlas", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("atlas")


@pytest.fixture(autouse=True)
def _fresh_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(registry, "_last_failure", None)


@pytest.fixture(scope="session")
def _modal_server() -> Iterator[modal_server.ModalServer]:
    server = modal_server.ModalServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def _openai_server() -> Iterator[openai_server.OpenAIServer]:
    server = openai_server.OpenAIServer()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def modal_peer(_modal_server, settings, monkeypatch) -> modal_server.ModalServer:
    _modal_server.reset()
    monkeypatch.setenv("MODAL_SERVER_URL", f"http://127.0.0.1:{_modal_server.port}")
    settings.SCORER = "modal"
    settings.SCORER_TIMEOUT_SECONDS = 20
    settings.MODAL_FUNCTION_NAME = "some-app/score"
    settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET = modal_server.TOKEN
    settings.MODAL_ENVIRONMENT = ""
    return _modal_server


@pytest.fixture
def openai_peer(_openai_server, settings) -> Iterator[openai_server.OpenAIServer]:
    _openai_server.reset()
    settings.SCORER = "openai"
    settings.SCORER_TIMEOUT_SECONDS = 20
    settings.OPENAI_BASE_URL = _openai_server.url
    settings.OPENAI_API_KEY = openai_server.KEY
    settings.OPENAI_MODEL = "a-model"
    yield _openai_server
    _openai_server.released.set()


class Peer:
    """What every remote backend's server can be told."""

    def __init__(self, name: str, server: Any, settings: Any) -> None:
        self.name, self.server, self.settings = name, server, settings

    def answers(self, text: str) -> None:
        if self.name == "modal":
            self.server.answer(text)
        else:
            self.server.content = text

    def answers_object(self, value: dict[str, Any]) -> None:
        """As the backend's own way of sending an object."""
        if self.name == "modal":
            self.server.answer(value)
        else:
            self.server.content = json.dumps(value)

    def stays_silent(self) -> None:
        if self.name == "modal":
            self.server.silent_at = "FunctionGetOutputs"
        else:
            self.server.silent = True

    def wrong_credentials(self) -> str:
        """The secret that must not show up anywhere."""
        if self.name == "modal":
            self.settings.MODAL_TOKEN_SECRET = "as-hush-hush"
        else:
            self.settings.OPENAI_API_KEY = "as-hush-hush"
        return "as-hush-hush"

    def no_credentials(self) -> None:
        self.settings.MODAL_TOKEN_SECRET = self.settings.OPENAI_API_KEY = ""
        self.settings.OPENAI_BASE_URL = "https://api.openai.com/v1"


@pytest.fixture(params=["modal", "openai"])
def peer(request: pytest.FixtureRequest, settings: Any) -> Peer:
    return Peer(request.param, request.getfixturevalue(f"{request.param}_peer"), settings)


@pytest.fixture
def call() -> ProposedCall:
    return ProposedCall(
        reference="evt_0123456789abcdef", tool="send_email", arguments={"to": "a@example.com", "body": "Hello"},
        description="Sends an e-mail.", agent="demo-agent", team="default", intent="Write to a@example.com",
    )
