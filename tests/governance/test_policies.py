"""Rule files as versions, and what the active one makes of calls."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from governance import actions
from governance.models import EvidenceEntry, PolicyVersion, Team
from governance.models.decisions import Source
from governance.policy import PolicyError
from governance.states import Status, Verdict
from tests.factories import make_agent, make_reviewer, make_score, make_tool

pytestmark = pytest.mark.django_db

DENY = "version: 1\nrules:\n  - {name: no-payments, effect: deny, message: Not for agents.}\n"
REVIEW = "version: 1\nrules:\n  - {name: careful, preset: step-up}\n"
ALLOW = "version: 1\nrules:\n  - {name: all, effect: allow, when: {tool: '*'}}\n"
STRICT = "version: 1\ndefaults: {threshold: 20, deadline: 1h}\nrules: []\n"


def activate(text):
    version = actions.save_policy(Team.objects.default(), text)
    actions.activate_policy(version)
    return version


def received(**arguments):
    return actions.receive(agent=make_agent(), tool=make_tool(), arguments=arguments)[0]


def test_without_a_policy_every_call_is_scored_by_the_default():
    request = received()
    assert (request.policy_version, request.policy_rule, request.policy_effect) == (None, "default", "score")
    assert (request.status, request.threshold) == (Status.RECEIVED, 70)


def test_a_denied_call_is_recorded_and_ends_with_the_message():
    version = activate(DENY)
    request = received()
    assert (request.status, request.policy_version, request.policy_rule) == (Status.DENIED, version, "no-payments")
    decision = request.decisions.get()
    assert (decision.verdict, decision.source, decision.reason) == (Verdict.REJECTED, Source.POLICY, "Not for agents.")
    assert not request.outbox_events.exists() and request.finished_at and request.finalized_at


def test_a_rule_for_review_asks_a_person_whatever_the_score_and_sets_the_deadline():
    activate(REVIEW)
    request = received()
    assert (request.deadline - request.received_at).total_seconds() == 120
    actions.assess(actions.begin_scoring(request.pk), make_score(1))
    assert actions.triage(request.pk) == Status.IN_REVIEW
    assert "careful" in request.transitions.last().reason


def test_an_allowed_call_is_approved_by_the_policy_without_a_score():
    activate(ALLOW)
    request = received()
    assert (request.status, request.decisions.get().source) == (Status.APPROVED, Source.POLICY)
    assert not hasattr(request, "assessment")


@pytest.mark.parametrize(("risk", "end"), [(19, Status.APPROVED), (20, Status.IN_REVIEW)])
def test_the_policys_threshold_and_deadline_count(risk, end):
    activate(STRICT)
    request = received()
    assert (request.deadline - request.received_at).total_seconds() == 3600
    actions.assess(actions.begin_scoring(request.pk), make_score(risk))
    assert actions.triage(request.pk) == end


def test_versions_are_kept_and_one_is_active():
    first, second = activate(DENY), activate(REVIEW)
    assert (first.number, second.number) == (1, 2)
    assert list(PolicyVersion.objects.filter(active=True)) == [second]
    assert PolicyVersion.objects.get(number=1).text == DENY
    whats = [entry.payload for entry in EvidenceEntry.objects.filter(payload__contains="policy activated")]
    assert len(whats) == 2


def test_the_same_text_again_is_the_same_version():
    assert activate(DENY).pk == activate(DENY).pk


def test_a_broken_file_is_neither_kept_nor_activated():
    with pytest.raises(PolicyError, match="line 2"):
        activate("version: 1\nrules: [{name: x, effect: alow}]\n")
    assert not PolicyVersion.objects.exists()


def test_the_command_line_checks_activates_and_shows(tmp_path, capsys):
    file = tmp_path / "policy.yaml"
    file.write_text(DENY)
    make_reviewer("tom")
    call_command("policy", "check", str(file))
    assert "no-payments" in capsys.readouterr().out
    call_command("policy", "activate", str(file), by="tom", note="first")
    assert PolicyVersion.objects.get(active=True).activated_by.username == "tom"
    capsys.readouterr()
    call_command("policy", "show")
    assert DENY in capsys.readouterr().out
    file.write_text("version: 1\nrules: [{name: x, effect: alow}]\n")
    with pytest.raises((CommandError, PolicyError), match="alow"):
        call_command("policy", "activate", str(file))
