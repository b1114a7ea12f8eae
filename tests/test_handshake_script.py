"""test_handshake.py and `make handshake`, against a real gateway and against one that misbehaves."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

import test_handshake as script
from tests.gateway import ROOT, Gateway, clean_env, start_gateway

RESULT = {"beneficiary_id": "BEN-225", "reason": "r", "days": 1}
GOOD = {
    "status": "succeeded", "decision": "APPROVED", "reason": "Handshake test",
    "result": {"isError": False, "structuredContent": {**RESULT, "extensions": 1}},
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = start_gateway(tmp_path_factory.mktemp("gateway"), env={"ATLAS_HOLD_SECONDS": "5"})
    yield running
    running.close()


def run(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "test_handshake.py"], cwd=ROOT, env=clean_env(**env), capture_output=True, text=True,
        timeout=200, check=False,
    )


def tokens(gateway: Gateway, **other: str) -> dict[str, str]:
    return {
        "ATLAS_GATEWAY_URL": gateway.url, "ATLAS_AGENT_TOKEN": gateway.agent_token,
        "ATLAS_REVIEWER_TOKEN": gateway.api_token, **other,
    }


def test_it_walks_from_the_call_to_the_outcome_and_prints_each_step(gateway):
    done = run(**tokens(gateway))
    assert done.returncode == 0, done.stderr + gateway.log
    steps = [line.split("] ", 1)[1] for line in done.stdout.splitlines()]
    assert [step for step in steps if step.startswith("PENDING REVIEW (Ref: evt_")]
    assert steps[-2:] == ["Executed exactly once", "Handshake complete"]


def test_it_can_be_repeated(gateway):
    assert [run(**tokens(gateway)).returncode for _ in range(2)] == [0, 0]


def test_a_wrong_agent_token_is_a_surprise(gateway):
    done = run(**tokens(gateway, ATLAS_AGENT_TOKEN="atlas_agt_wrong"))
    assert done.returncode == 1
    assert "401" in done.stderr


def test_a_reviewer_who_may_not_decide_is_a_surprise(gateway):
    viewer = gateway.python(
        "from governance import actions; from governance.models import Role\n"
        "user, _, token = actions.create_reviewer('vera', role=Role.VIEWER); print(token)"
    ).strip()
    done = run(**tokens(gateway, ATLAS_REVIEWER_TOKEN=viewer))
    assert done.returncode == 1
    assert "the webhook answered 403" in done.stderr


def test_no_gateway_is_a_surprise_with_a_hint(unused_tcp_port):
    done = run(
        ATLAS_GATEWAY_URL=f"http://127.0.0.1:{unused_tcp_port}", ATLAS_AGENT_TOKEN="x", ATLAS_REVIEWER_TOKEN="y"
    )
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr


def test_missing_tokens_are_named():
    done = run()
    assert done.returncode == 2
    assert "ATLAS_AGENT_TOKEN and ATLAS_REVIEWER_TOKEN" in done.stderr


def test_the_expected_outcome_is_no_surprise():
    script.check_result(GOOD, RESULT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "failed"},
        {"status": "outcome_unknown"},
        {"decision": "REJECTED"},
        {"reason": "somebody else's"},
        {"result": None},
        {"result": {"isError": True}},
        {"result": {"isError": False, "structuredContent": {**RESULT, "days": 2}}},
        {"result": {"isError": False, "structuredContent": {**RESULT, "beneficiary_id": "BEN-101"}}},
    ],
)
def test_another_outcome_or_other_arguments_are_a_surprise(wrong):
    with pytest.raises(script.Surprise):
        script.check_result({**GOOD, **wrong}, RESULT)


@pytest.mark.parametrize(
    "text",
    [
        "PENDING REVIEW (Ref: evt_123). Action queued subject to governance checks.",
        "PENDING REVIEW (Ref: evt_0123456789abcdef). Action queued.",
        "PENDING REVIEW (Ref: evt_0123456789abcdef). Action queued subject to governance checks. Bye",
    ],
)
def test_another_pending_text_is_not_taken_for_it(text):
    assert script.PENDING.fullmatch(text) is None


def handshake(gateway: Gateway, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "handshake"], cwd=ROOT, env={**gateway.env, "ATLAS_GATEWAY_URL": url},
        capture_output=True, text=True, timeout=200, check=False,
    )


def test_make_handshake_leaves_no_usable_credentials(gateway):
    done = handshake(gateway, gateway.url)
    assert done.returncode == 0, done.stdout + done.stderr
    left = gateway.python(
        "from governance.models import AgentToken, ApiToken, User\n"
        "print(AgentToken.objects.filter(agent__name__startswith='handshake-', revoked_at=None).count(),"
        " ApiToken.objects.filter(user__username__startswith='handshake-', revoked_at=None).count(),"
        " User.objects.filter(username__startswith='handshake-', is_active=True).count(),"
        " AgentToken.objects.filter(agent__name__startswith='handshake-').count())"
    )
    assert left.split() == ["0", "0", "0", "1"]


def test_make_handshake_without_a_gateway_says_so(gateway, unused_tcp_port):
    done = handshake(gateway, f"http://127.0.0.1:{unused_tcp_port}")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: No gateway runs at ")
    assert len(done.stderr.splitlines()) == 1
