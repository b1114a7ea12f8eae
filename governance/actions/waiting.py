"""What every act of a reviewer on a waiting request asks first: may this person, and does it still wait?"""

from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from governance.errors import NotAllowed, WrongState
from governance.models import GovernanceRequest, User
from governance.states import Status
from governance.wording import in_sentence


def may_decide(request: GovernanceRequest, reviewer: User) -> GovernanceRequest:
    """The request with its parts, as it stands now. Raises NotAllowed when this person may not decide it."""
    request = GovernanceRequest.objects.with_parts().get(pk=request.pk)
    if why := request.why_not_decided_by(reviewer):
        raise NotAllowed(why)
    return request


def check_waiting(request: GovernanceRequest) -> None:
    """Raises the reason why nobody can decide this undecided request now."""
    if request.status == Status.EXPIRED or request.is_overdue:
        raise WrongState(_("%(reference)s expired at %(at)s.") % {
            "reference": request.reference, "at": f"{localtime(request.deadline):%Y-%m-%d %H:%M:%S %Z}"
        })  # fmt: skip
    if request.status != Status.IN_REVIEW:
        raise WrongState(_("%(reference)s is %(status)s; nothing waits for a decision.") % {
            "reference": request.reference, "status": in_sentence(request.get_status_display())
        })  # fmt: skip
