"""create_agent, create_reviewer and export_evidence, as a script or a person runs them."""

import io
import json
import os
import subprocess
import sys
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from governance.evidence.export import evidence_lines, select_evidence
from governance.models import Agent, AgentToken, ApiToken, EvidenceEntry, Membership, Role, Team, User
from tests.factories import make_agent, make_request, make_reviewer, make_team

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def exported(*arguments: str) -> list[dict]:
    return [json.loads(line) for line in run("export_evidence", *arguments).splitlines()]


def test_create_agent_prints_id_name_and_a_token_that_works():
    answer = json.loads(run("create_agent", "clerk", "--json"))
    assert list(answer) == ["id", "name", "token"]
    assert AgentToken.objects.usable(answer["token"]).get().agent == Agent.objects.get(pk=answer["id"], name="clerk")


def test_create_agent_puts_it_into_a_team_under_an_owner():
    team, owner = make_team("Benefits"), make_reviewer("olga")
    answer = json.loads(run("create_agent", "clerk", "--json", "--team", team.slug, "--owner", "olga"))
    agent = Agent.objects.get(pk=answer["id"])
    assert (agent.team, agent.owner) == (team, owner)
    assert agent.team.tool_servers.get().tools.count() == 4


def test_create_agent_for_people_shows_the_token_once():
    text = run("create_agent", "clerk")
    token = next(line.strip() for line in text.splitlines() if line.strip().startswith("atlas_agt_"))
    assert text.count(token) == 1
    assert AgentToken.objects.usable(token).exists()


def test_create_reviewer_prints_what_a_script_needs():
    answer = json.loads(run("create_reviewer", "rita", "--json"))
    assert list(answer) == ["id", "username", "password", "api_token"]
    user = User.objects.get(pk=answer["id"], username="rita")
    assert user.check_password(answer["password"])
    assert user.has_perm("governance.decide_request")
    assert ApiToken.objects.usable(answer["api_token"]).get().user == user


def test_create_reviewer_takes_team_and_role():
    team = make_team("Benefits")
    user = json.loads(run("create_reviewer", "rita", "--json", "--team", team.slug, "--role", "admin"))["id"]
    assert Membership.objects.get(user=user).role == Role.ADMIN
    assert Membership.objects.get(user=user).team == team


def test_create_reviewer_for_people_shows_password_and_token():
    text = run("create_reviewer", "rita")
    password = next(line.split()[1] for line in text.splitlines() if line.strip().startswith("password"))
    assert User.objects.get(username="rita").check_password(password)
    assert "atlas_rev_" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create_agent", "taken"), "already an agent named taken"),
        (("create_agent", "  "), "1 to 100 characters"),
        (("create_agent", "x" * 101), "1 to 100 characters"),
        (("create_agent", "new", "--team", "nowhere"), "no team with the slug nowhere"),
        (("create_agent", "new", "--owner", "nobody"), "no user named nobody"),
        (("create_reviewer", "rita"), "already a user named rita"),
        (("create_reviewer", "RITA"), "already a user named"),
        (("create_reviewer", "not a name!"), "valid username"),
        (("create_reviewer", "new", "--team", "nowhere"), "no team with the slug nowhere"),
        (("export_evidence", "--as-user", "nobody"), "no user named nobody"),
        (("export_evidence", "--team", "nowhere"), "no team with the slug nowhere"),
        (("export_evidence", "--request", "evt_0000000000000000"), "no request evt_0000000000000000"),
        (("export_evidence", "--since", "yesterday"), "--since yesterday is not an ISO 8601"),
        (("export_evidence", "--until", "2026-13-01"), "--until 2026-13-01 is not an ISO 8601"),
    ],
)
def test_what_cannot_be_done_is_one_plain_line(arguments, message):
    make_agent("taken")
    make_reviewer("rita")
    with pytest.raises(CommandError, match=message) as error:
        run(*arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("arguments", [("create_agent", "x"), ("create_reviewer", "x"), ("export_evidence",)])
def test_a_database_that_is_not_set_up_is_one_line_on_stderr_and_exit_1(tmp_path, arguments):
    environment = {**os.environ, "ATLAS_DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3"}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: The database cannot be used")
    assert len(done.stderr.splitlines()) == 1


def test_the_export_has_one_line_per_fact_oldest_first():
    request = make_request()
    lines = exported("--request", request.reference)
    assert [line["fact"] for line in lines] == ["received", "scored", "moved"]
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
    first = lines[0]
    assert first["reference"] == request.reference
    assert first["team"] == "default"
    assert first["actor"] == f"agent:{request.agent.name}"
    assert first["payload"]["arguments_digest"] == request.arguments_digest
    assert timezone.datetime.fromisoformat(first["at"]).utcoffset() == timedelta(0)


def test_the_export_holds_no_arguments_and_no_tokens():
    token = json.loads(run("create_agent", "clerk", "--json"))["token"]
    make_request(arguments={"beneficiary_id": "BEN-123", "reason": "PRIVATE-WORD"})
    text = run("export_evidence")
    assert "agent token issued" in text
    assert token not in text
    assert "PRIVATE-WORD" not in text


def test_a_person_exports_only_what_they_may_see():
    here, elsewhere = make_request(), make_request(team=make_team("Elsewhere"))
    make_reviewer("rita")
    references = {line["reference"] for line in exported("--as-user", "rita")}
    assert here.reference in references
    assert elsewhere.reference not in references
    assert {line["team"] for line in exported("--as-user", "rita")} == {"default"}
    with pytest.raises(CommandError, match="that rita may see"):
        run("export_evidence", "--as-user", "rita", "--request", elsewhere.reference)


def test_the_export_of_one_team():
    make_request()
    elsewhere = make_request(team=make_team("Elsewhere"))
    assert {line["reference"] for line in exported("--team", "elsewhere")} == {elsewhere.reference}


def test_since_is_included_and_until_is_not():
    make_request()
    everything = exported()
    middle = everything[1]["at"]
    before, after = exported("--until", middle), exported("--since", middle)
    assert [*before, *after] == everything
    assert middle in {line["at"] for line in after}
    assert exported("--since", middle.replace("+00:00", "Z")) == after


def test_a_date_without_a_time_is_its_first_moment():
    make_request()
    today = timezone.localdate()
    assert exported("--until", (today - timedelta(days=1)).isoformat()) == []
    assert len(exported("--since", (today - timedelta(days=1)).isoformat())) == EvidenceEntry.objects.count()


def test_the_export_needs_no_memory_for_all_rows_at_once():
    team, payload = Team.objects.default(), json.dumps({"what": "x" * 1000})
    EvidenceEntry.objects.bulk_create(
        (EvidenceEntry(team=team, fact="administered", actor="gateway", payload=payload) for _ in range(20_000)),
        batch_size=1000,
    )
    tracemalloc.start()
    try:
        count = sum(1 for _ in evidence_lines(select_evidence()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count >= 20_000
    assert peak < 10_000_000  # all of them would take more than 40 MB
