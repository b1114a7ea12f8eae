"""halt and resume: an agent, a tool, a tool server or a team is stopped in one act, and goes on by another one.

New calls are refused with the reason, waiting requests are parked (they can be rejected, not approved), approved ones
go back to review, executing ones finish.
"""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.actions.moves import GATEWAY, record_administration, reviewer_actor, take_turn
from governance.errors import InvalidArguments, NotAllowed
from governance.models import Agent, Membership, Role, Team, Tool, ToolServer, User

Subject = Agent | Tool | ToolServer | Team
MAX_HALT_REASON_CHARS = 500
OPERATING_ROLES = (Role.OPERATOR, Role.ADMIN, Role.REVIEWER)
_NAMES: dict[type, str] = {Agent: "agent", Tool: "tool", ToolServer: "tool server", Team: "team"}


def halt(subject: Subject, *, reason: str, by: User | None = None) -> bool:
    """Stops it from the moment this returns, in every process. False when it was halted before.

    Raises NotAllowed (not a reviewer, operator or admin of its team) and InvalidArguments (no or too long a reason).
    """
    return _switch(subject, halted=True, reason=reason, by=by)


def resume(subject: Subject, *, reason: str, by: User | None = None) -> bool:
    """Lets it go on; an act of its own, with its own reason. False when it was not halted. Raises as `halt` does.

    What was parked waits for its decision again, until its deadline.
    """
    return _switch(subject, halted=False, reason=reason, by=by)


def team_of(subject: Subject) -> Team:
    if isinstance(subject, Team):
        return subject
    return subject.server.team if isinstance(subject, Tool) else subject.team


def can_halt(user: User, team: Team | int) -> bool:
    """Whoever may decide about calls of a team may also stop them: its reviewers, operators and admins."""
    if not user.is_active:
        return False
    team_id = team if isinstance(team, int) else team.pk
    return user.is_superuser or Membership.objects.filter(
        user=user, team_id=team_id, role__in=OPERATING_ROLES
    ).exists()


def _switch(subject: Subject, *, halted: bool, reason: str, by: User | None) -> bool:
    reason, kind = reason.strip(), _NAMES[type(subject)]
    if not 1 <= len(reason) <= MAX_HALT_REASON_CHARS:
        raise InvalidArguments(_("A reason of 1 to %(limit)d characters is needed; the agents read it.") % {
            "limit": MAX_HALT_REASON_CHARS
        })  # fmt: skip
    team = team_of(subject)
    if by is not None and not can_halt(by, team):
        raise NotAllowed(_("Only reviewers, operators and admins of %(team)s may halt or resume this.") % {
            "team": team
        })  # fmt: skip
    now = timezone.now()
    with transaction.atomic():
        take_turn(team.pk)
        fields = {"halted_at": now if halted else None, "halted_reason": reason if halted else ""}
        changed = type(subject).objects.filter(pk=subject.pk, halted_at__isnull=halted).update(**fields)
        if changed != 1:
            return False
        record_administration(
            team, f"{kind} {'halted' if halted else 'resumed'}", now=now, reason=reason, row=str(subject),
            actor=reviewer_actor(by) if by else GATEWAY, id=str(subject.pk),
        )
    for name, value in fields.items():
        setattr(subject, name, value)
    return True
