"""Reviewing at a terminal: who decides, and a request written out with its exact arguments."""

import getpass
import json
import os
import sys
from datetime import timedelta

from django.contrib.auth.backends import ModelBackend
from django.core.management.base import CommandParser
from django.http import Http404
from django.utils import timezone
from django.utils.timezone import localtime

from governance import actions
from governance.characters import visible
from governance.management.base import Error
from governance.models import GovernanceRequest, User
from governance.models.decisions import Source
from governance.states import Verdict
from reviews.access import user_of_token, visible_request
from reviews.durations import left
from reviews.sentences import sentence_of

TOKEN = "ATLAS_REVIEWER_TOKEN"  # noqa: S105  the variable's name
RULE = "─" * 78


def add_reviewer(parser: CommandParser) -> None:
    parser.add_argument(
        "--reviewer", metavar="USERNAME", help=f"who decides; asks for the password. Or set {TOKEN} to an API token"
    )


def reviewer_of(username: str | None) -> User:
    """The person at the terminal, authenticated by password or by API token. Raises Error."""
    if username is None:
        user = user_of_token(os.environ.get(TOKEN, "").strip())
        if user is None:
            raise Error(f"Say who decides: --reviewer USERNAME, or {TOKEN} with a live API token of theirs.")
        return user
    password = getpass.getpass(f"Password of {username}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    user = ModelBackend().authenticate(None, username=username, password=password)
    if user is None:
        raise Error(f"The password of {username} is not right, or there is no such active person.")
    return user


def request_for(user: User, reference: str) -> GovernanceRequest:
    try:
        return visible_request(user, reference)
    except Http404 as error:
        raise Error(str(error)) from error


def decide_at_terminal(
    reference: str, verdict: Verdict, *, reason: str, username: str | None, sure: bool
) -> GovernanceRequest:
    """Shows the call, asks once unless `sure`, decides. Raises Error when nobody agreed, and what `decide` raises."""
    user = reviewer_of(username)
    request = request_for(user, reference)
    sys.stdout.write(f"{written_out(request)}\n")
    word = "Approve" if verdict is Verdict.APPROVED else "Reject"
    if not sure and not _agrees(f"{word} exactly this call? [y/N] "):
        raise Error(f"Nothing was decided. {request.reference} still waits.")
    actions.decide(request, reviewer=user, verdict=verdict, reason=reason, source=Source.COMMAND)
    return request


def _agrees(question: str) -> bool:
    if not sys.stdin.isatty():
        raise Error("Nobody can be asked here. Add --yes to decide without the question.")
    return input(question).strip().lower() in ("y", "yes")


def written_out(request: GovernanceRequest) -> str:
    """The request for a person: who, what, why, the exact arguments, hidden characters spelled out."""
    assessment = getattr(request, "assessment", None)
    time_left = max(request.deadline - timezone.now(), timedelta())
    facts = [
        ("agent", request.agent.name), ("tool", f"{request.tool.exposed_name} ({request.tool.server})"),
        ("reason given", request.stated_reason), ("user asked", request.intent),
        ("risk", "" if request.risk_score is None else f"{request.risk_score} of 100"),
        ("why", assessment.rationale if assessment else ""),
        ("rule", f"{request.policy_rule} ({request.policy_effect})"),
        ("deadline", f"{localtime(request.deadline):%Y-%m-%d %H:%M:%S %Z}, {left(time_left)}"),
        ("parked", request.why_parked()), ("read by", _reader(request)), *_questions(request),
        ("arguments", f"sha256 {request.arguments_digest}"),
    ]
    lines = [f"  {name:<13}{visible(text)}" for name, text in facts if text]
    arguments = visible(json.dumps(request.arguments, ensure_ascii=False, indent=2))
    head = [f"{request.reference}  {request.get_status_display()}", f"  {sentence_of(request)}."]
    return "\n".join([RULE, *head, *lines, _indented(arguments), RULE])


def _reader(request: GovernanceRequest) -> str:
    """Who has claimed it, and until when; it can be decided here all the same."""
    if (claimant := request.claimant) is None:
        return ""
    note = f": {request.claim_note}" if request.claim_note else ""
    return f"{claimant.display_name}, until {localtime(request.claimed_until):%H:%M:%S %Z}{note}"


def _questions(request: GovernanceRequest) -> list[tuple[str, str]]:
    return [
        line for question in request.questions.all()
        for line in (("asked", _one_line(question.text)), ("answered", _one_line(question.answer) or "(not yet)"))
    ]  # fmt: skip


def _one_line(text: str) -> str:
    """An answer cannot look like another fact."""
    return " / ".join(text.splitlines())


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
