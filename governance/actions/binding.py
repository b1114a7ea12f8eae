"""What an approval is bound to, looked at once more before the call runs: any difference sends it back to review."""

import json

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.actions.moves import GATEWAY, _move, record
from governance.canonical import digest
from governance.models import Decision, GovernanceRequest
from governance.models.evidence import Fact
from governance.policy import Effect
from governance.rulings import active_policy, rule_on
from governance.states import Status, Verdict


def why_not_runnable(request: GovernanceRequest, edited: str = "") -> str:
    """Why this call may not run now, whoever approves it: a changed text, a halt, its tool, the policy; or empty.

    `edited` is the text of the arguments that a reviewer approves instead of the agent's.
    """
    if digest(request.arguments_json) != request.arguments_digest:
        return _("The stored arguments are not the ones that the agent sent.")
    if why := request.why_parked():
        return why
    if not request.agent.sees(request.tool.exposed_name):
        taken = {"tool": request.tool.exposed_name, "agent": request.agent}
        return _("The tool %(tool)s was taken from %(agent)s.") % taken
    if why := request.tool.why_not_available():
        return why
    arguments = json.loads(edited) if edited else request.arguments
    ruling = rule_on(request.agent, request.tool, arguments, active_policy(request.team_id))
    if ruling.outcome.effect == Effect.DENY:
        return _("By now %(policy)s denies this call.") % {"policy": ruling}
    return ""


def approval_of(request: GovernanceRequest) -> Decision | None:
    """The approval that the request's present round stands on."""
    return request.decisions.filter(round=request.round, verdict=Verdict.APPROVED).order_by("id").last()


def digest_that_runs(request: GovernanceRequest) -> str:
    """Of the arguments that were approved: the agent's, or the reviewer's edited ones."""
    approval = approval_of(request)
    return (approval.arguments_digest if approval else "") or request.arguments_digest


def difference(request: GovernanceRequest) -> str:
    """What is not as it was when the call was approved; empty when it may run. Reads the request with its parts.

    Runs inside the claim's transaction, with the team held still.
    """
    approval = approval_of(request)
    if approval is None:
        return "There is no approval of this call."
    if request.tool.server.team_id != request.team_id:
        return "The tool server belongs to another team by now."
    moved_at = request.tool.server.moved_at
    if moved_at is not None and request.decided_at is not None and moved_at > request.decided_at:
        return f"The tool server {request.tool.server} was changed after the approval."
    if why := why_not_runnable(request, approval.arguments_json):
        return why
    if request.tool.digest != request.tool_digest:
        return f"The definition of {request.tool.exposed_name} is not the one that was approved."
    return ""


def send_back(request: GovernanceRequest, reason: str) -> None:
    """Puts an approved call before a person again, bound to the tool as it is defined now."""
    now = timezone.now()
    before = request.tool_digest
    with transaction.atomic():
        _move(
            request, Status.IN_REVIEW, actor=GATEWAY, now=now, reason=f"{reason} A person decides again.",
            decided_at=None, finalized_at=None, release_at=None, round=request.round + 1,
            tool_digest=request.tool.digest,
        )
        record(
            request, Fact.MOVED, actor=GATEWAY, now=now, reason=reason, round=request.round, before=before,
            tool_digest=request.tool_digest, arguments_digest=request.arguments_digest,
        )
