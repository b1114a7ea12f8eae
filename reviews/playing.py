"""The playground: an agent of the person who plays, its short-lived tokens, and the path of one of its calls.

The agent is an ordinary one, owned by that person: by the rule that nobody decides for their own agent, somebody else
decides what it asks. Its calls come in over MCP like every other agent's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from governance import actions
from governance.characters import visible
from governance.models import Agent, AgentToken, Execution, GovernanceRequest, Team, User
from governance.models.tokens import hash_token
from governance.policy import describe
from governance.rulings import compiled
from governance.states import Status, Verdict
from reviews.cards import status_of

LASTS = timedelta(hours=1)
MOST_DECIDERS = 5


@dataclass(frozen=True)
class Play:
    """A begun round; the token in clear, for the page that speaks MCP with it."""

    agent: Agent
    row: AgentToken
    token: str


def agents_of(user: User) -> list[Agent]:
    """This person's playground agents, one per team."""
    return list(Agent.objects.filter(owner=user, name=_name(user)).select_related("team").order_by("pk"))


def begin(user: User, team: Team) -> Play:
    """Ends what was begun before in this team. Raises InvalidArguments when somebody else has an agent of that name."""
    agent = Agent.objects.filter(team=team, owner=user, name=_name(user)).first()
    ends = {"expires_at": timezone.now() + LASTS}
    if agent is None:
        agent, token = actions.create_agent(_name(user), team=team, owner=user, by=user, **ends)
    else:
        end(user, [agent])
        token = actions.issue_agent_token(agent, by=user, **ends)
    return Play(agent, AgentToken.objects.get(sha256=hash_token(token)), token)


def end(user: User, agents: list[Agent] | None = None, *, token: str = "") -> int:
    """Revokes the open tokens of these playground agents (of all of this person's), or the one with this id alone."""
    rows = AgentToken.objects.filter(agent__in=agents_of(user) if agents is None else agents, revoked_at=None)
    if token:
        rows = rows.filter(pk=token) if token.isdecimal() and len(token) < 19 else rows.none()
    return sum(actions.revoke_token(row, by=user) for row in rows.select_related("agent__team"))


def played(user: User, reference: str) -> GovernanceRequest | None:
    """A call of one of this person's playground agents."""
    calls = GovernanceRequest.objects.visible_to(user).filter(agent__owner=user, agent__name=_name(user))
    return calls.with_parts().filter(reference=reference).first()


def deciders(team: Team, player: User) -> list[User]:
    """At most five others who may decide what this person's agent asks."""
    people = User.objects.filter(membership__team=team, is_active=True).exclude(pk=player.pk).order_by("username")[:50]
    probe = GovernanceRequest(team=team, agent=Agent(team=team, owner=player))
    return [person for person in people if probe.can_be_decided_by(person)][:MOST_DECIDERS]


def _name(user: User) -> str:
    return f"playground of {user.username}"[:100]


# -- the path of a call ------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """`state`: done, now, stopped or ahead. `took`: seconds since the step before."""

    key: str
    label: str
    state: str
    at: datetime | None = None
    took: float | None = None

    @property
    def took_text(self) -> str:
        if self.took is None:
            return ""
        if self.took < 1:
            return _("%(count)d ms") % {"count": round(self.took * 1000)}
        if self.took < 90:
            return _("%(count).1f s") % {"count": self.took}
        return _("%(count)d min") % {"count": round(self.took / 60)}


def steps_of(request: GovernanceRequest) -> list[Step]:
    """received → policy → scored → person or gateway → executed → result, with what really happened so far."""
    status = status_of(request)
    assessment = getattr(request, "assessment", None)
    execution = getattr(request, "execution", None)
    made = [Step("received", _("Received"), "done", request.received_at), _policy(request)]
    if request.policy_effect in ("score", "review"):
        made.append(_scored(request, assessment.created_at if assessment else None, status))
    made.append(_decided(request, status))
    made += _ran(request, execution, status)
    return made


def _policy(request: GovernanceRequest) -> Step:
    label = {
        "allow": _("The policy allows it"), "deny": _("The policy denies it"), "review": _("The policy wants a person"),
    }.get(request.policy_effect, _("The policy wants a score"))
    return Step("policy", label, "stopped" if request.policy_effect == "deny" else "done", request.received_at)


def _scored(request: GovernanceRequest, at: datetime | None, status: Status) -> Step:
    if at is None:
        is_over = status not in (Status.RECEIVED, Status.SCORING)
        return Step("scored", _("Not scored") if is_over else _("Being scored"), "ahead" if is_over else "now")
    return Step("scored", _("Scored"), "done", at, _between(request.received_at, at))


def _decided(request: GovernanceRequest, status: Status) -> Step:
    decision, since = request.decision, _since(request)
    if status is Status.IN_REVIEW:
        return Step("decided", _("Waits for a person"), "now", since)
    if status in (Status.EXPIRED, Status.CANCELLED) and decision is None:
        label = _("Expired: nobody decided") if status is Status.EXPIRED else _("Taken back")
        return Step("decided", label, "stopped", request.finished_at)
    if decision is None:
        return Step("decided", _("A person, or straight through"), "ahead")
    rejected = decision.verdict == Verdict.REJECTED
    if decision.reviewer_id is None:
        label = _("Refused without a person") if rejected else _("Went through without a person")
    else:
        label = _("Rejected") if rejected else _("Approved")
    took = _between(since, decision.created_at)
    return Step("decided", label, "stopped" if rejected else "done", decision.created_at, took)


def _ran(request: GovernanceRequest, execution: Execution | None, status: Status) -> list[Step]:
    if execution is None:
        ahead = status not in (Status.DENIED, Status.EXPIRED, Status.CANCELLED)
        labels = [("executed", _("Runs once"))] if ahead else [("executed", _("Nothing ran"))]
        is_next = status is Status.APPROVED
        return [Step(key, label, "now" if is_next else "ahead") for key, label in labels] + (
            [Step("result", _("The result"), "ahead")] if ahead else []
        )
    if execution.returned_at is None:
        lost = status is Status.OUTCOME_UNKNOWN
        ran = Step("executed", _("Running"), "stopped" if lost else "now", execution.claimed_at)
    else:
        took = _between(execution.claimed_at, execution.returned_at)
        ran = Step("executed", _("Executed once"), "done", execution.returned_at, took)
    ends = {
        Status.SUCCEEDED: (_("The real result"), "done"), Status.FAILED: (_("The tool refused or failed"), "stopped"),
        Status.OUTCOME_UNKNOWN: (_("Nobody can say how it ended"), "stopped"),
    }
    label, state = ends.get(status, (_("The result"), "ahead"))
    return [ran, Step("result", label, state, request.finished_at)]


def result_texts(request: GovernanceRequest) -> list[str]:
    """What the tool answered, or why there is no answer, as texts."""
    execution = getattr(request, "execution", None)
    if execution is None:
        return []
    result = execution.result if isinstance(execution.result, Mapping) else {}
    blocks = [block for block in result.get("content") or [] if block.get("type") == "text"]
    texts = [visible(str(block.get("text", ""))) for block in blocks[:3]]
    return texts or ([visible(execution.error)] if execution.error else [])


def rule_in_words(request: GovernanceRequest) -> str:
    """The rule that matched; empty for the default."""
    rule = compiled(request.policy_version.text).rule(request.policy_rule) if request.policy_version else None
    return describe(rule) if rule else ""


def _since(request: GovernanceRequest) -> datetime:
    """When the last wait for a person began, else the arrival."""
    moved = request.transitions.filter(to_status=Status.IN_REVIEW).order_by("-id").first()
    if moved:
        return moved.at
    assessment = getattr(request, "assessment", None)
    return assessment.created_at if assessment else request.received_at


def _between(begun: datetime, ended: datetime) -> float:
    return max(0.0, (ended - begun).total_seconds())
