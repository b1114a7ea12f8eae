"""The receivers of docs/outcome-webhooks.md, as they stand there, take real deliveries and refuse forged ones."""

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from governance.actions.deliveries import Answer, Attempt
from governance.sealing import seal
from mcp_bridge.webhook_client import Client
from tests.gateway import reserve_port
from tests.waiting import wait_for

PAGE = Path(__file__).resolve().parents[2] / "docs" / "outcome-webhooks.md"
SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
BODY = '{"type":"request.denied","data":{"reference":"evt_1","reason":"Größe zählt"}}'


def example(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return code


@pytest.fixture(params=["python", "js"])
def receiver(request, tmp_path):
    """An example in a process of its own: its address, and what it has printed."""
    name, command = {"python": ("receiver.py", sys.executable), "js": ("receiver.mjs", "node")}[request.param]
    (tmp_path / name).write_text(example(request.param), encoding="utf-8")
    with reserve_port() as holder, (tmp_path / "out").open("wb") as out:
        port = holder.getsockname()[1]
        env = {**os.environ, "WEBHOOK_SECRET": SECRET, "PORT": str(port)}
        process = subprocess.Popen([command, str(tmp_path / name)], env=env, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield f"http://127.0.0.1:{port}/", lambda: (tmp_path / "out").read_text(encoding="utf-8")
        finally:
            process.kill()
            process.wait(10)


@pytest.fixture
def client(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    made = Client()
    yield made
    made.stop()


def send(client: Client, url: str, secret: str, delivery_id: uuid.UUID) -> Answer:
    answers: list[Answer] = []
    client.start(Attempt(delivery_id, 1, 1, url, seal(secret), BODY), answers.append)
    return wait_for(lambda: answers, "the answer")[0]


def test_an_example_takes_a_delivery_once_and_no_forged_one(receiver, client):
    url, printed = receiver
    delivery_id = uuid.uuid4()
    wait_for(lambda: send(client, url, SECRET, delivery_id).status == 204, "the receiver's start")
    assert send(client, url, SECRET, delivery_id).status == 204
    assert send(client, url, OTHER, uuid.uuid4()).status == 401
    wait_for(lambda: "request.denied evt_1" in printed(), "the message")
    assert printed().count("request.denied") == 1
