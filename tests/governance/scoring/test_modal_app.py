"""The deployable app, as far as it can be tried without an account: import, names, and its plain function."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from governance.scoring import modal_app
from governance.scoring.prompt import messages
from governance.scoring.registry import score_call
from tests.governance.scoring.test_scorer_contract import GOOD, TEXT, UNPARSEABLE, assert_paused_for_want_of_a_score

TOP = Path(__file__).resolve().parents[3]


@pytest.mark.filterwarnings("ignore:.*registered_functions")
def test_it_registers_the_names_that_the_gateway_calls():
    assert modal_app.app.name == "atlas-welfare-v1"
    assert set(modal_app.app.registered_functions) == {"inference"}


def test_it_is_imported_where_there_is_no_django():
    """As on the Modal image: no Django, no settings, and from another folder."""
    program = """
import sys
class NoDjango:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("django", "atlas_site", "openai", "vllm"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoDjango())
sys.path.insert(0, sys.argv[1])
import governance.scoring.modal_app as app
print(app.assess({"tool": "x"}, lambda chat: "{}"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(TOP)], capture_output=True, text=True, cwd="/", timeout=60,
        env={"PATH": "/usr/bin:/bin", "MODAL_CONFIG_PATH": "/dev/null"},
    )
    assert (done.stdout.strip(), done.returncode) == ("{}", 0), done.stderr


def test_the_model_sees_the_gateways_prompt(call):
    seen = []
    modal_app.assess(call.payload(), lambda chat: seen.append(chat) or TEXT)
    assert seen == [messages(call.payload())]


def test_a_clear_answer_comes_back_as_the_contracts_object(call):
    assert modal_app.assess(call.payload(), lambda chat: f"```json\n{TEXT}\n```") == GOOD


@pytest.mark.parametrize("text", UNPARSEABLE.values(), ids=UNPARSEABLE.keys())
def test_an_unclear_answer_is_refused_by_the_gateway(modal_peer, call, text):
    modal_peer.answer(modal_app.assess(call.payload(), lambda chat: text))
    assert_paused_for_want_of_a_score(score_call(call))


@pytest.mark.filterwarnings("ignore:.*executing locally")
def test_the_deployed_function_is_the_plain_one(monkeypatch, call):
    monkeypatch.setattr(modal_app, "_generate", lambda: lambda chat: TEXT)
    assert modal_app.inference.local(call.payload()) == GOOD
    assert json.dumps(modal_app.inference.local(call.payload()))
