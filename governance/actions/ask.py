"""ask and answer: a reviewer's question to the agent, which it meets wherever it looks for its call's outcome."""

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.actions.moves import agent_actor, record, reviewer_actor, tell
from governance.actions.waiting import check_waiting, may_decide
from governance.canonical import is_storable
from governance.errors import InvalidArguments, LimitExceeded, NotAllowed, WrongState
from governance.models import Agent, GovernanceRequest, Question, User
from governance.models.evidence import Fact
from governance.models.requests import Asked
from governance.states import Status

MAX_QUESTION_CHARS = 2_000
MAX_ANSWER_CHARS = 8_000
MAX_QUESTIONS = 20  # about one request


def ask(request: GovernanceRequest, *, reviewer: User, text: str) -> Question:
    """The question, open until the agent answers. The request goes on waiting; its deadline stands.

    Raises NotAllowed and WrongState as `decide` does, WrongState while another question is open, InvalidArguments
    (empty, too long) and LimitExceeded (MAX_QUESTIONS).
    """
    text = _text(text, MAX_QUESTION_CHARS)
    with transaction.atomic():
        request = may_decide(request, reviewer)
        check_waiting(request)
        asked = list(request.questions.all())
        if any(question.is_open for question in asked):
            raise WrongState(_("The agent has not answered the last question yet."))
        if len(asked) >= MAX_QUESTIONS:
            raise LimitExceeded(_("%(limit)d questions were asked about this call. Decide it.") % {
                "limit": MAX_QUESTIONS
            })  # fmt: skip
        now = timezone.now()
        try:
            with transaction.atomic():
                question = Question.objects.create(request=request, text=text, asked_by=reviewer, asked_at=now)
        except IntegrityError:
            raise WrongState(_("Somebody else has just asked the agent.")) from None
        waits = GovernanceRequest.objects.filter(pk=request.pk, status=Status.IN_REVIEW, round=request.round)
        if waits.update(asked=Asked.OPEN) != 1:
            raise WrongState(_("Somebody else was faster. Look at the case again."))
        record(request, Fact.ASKED, actor=reviewer_actor(reviewer), now=now, question=question.pk, text=text)
        tell(request)
    return question


def answer(request: GovernanceRequest, *, agent: Agent, text: str) -> Question:
    """The open question of this agent's request, answered.

    Raises NotAllowed for somebody else's request, WrongState when nothing is asked or it is decided by now, and
    InvalidArguments (empty, too long).
    """
    if request.agent_id != agent.pk:
        raise NotAllowed("This request belongs to another agent.")
    text = _text(text, MAX_ANSWER_CHARS)
    now = timezone.now()
    with transaction.atomic():
        request = GovernanceRequest.objects.select_related("agent").get(pk=request.pk)
        if request.status != Status.IN_REVIEW or request.is_overdue:
            status = Status.EXPIRED.label if request.is_overdue else request.get_status_display()
            raise WrongState(f"{request.reference} is {status.lower()}; nobody waits for an answer.")
        question = request.questions.filter(answered_at=None).first()
        if question is None:
            raise WrongState(f"Nothing is asked about {request.reference} now.")
        answered = Question.objects.filter(pk=question.pk, answered_at=None).update(answer=text, answered_at=now)
        if answered != 1:
            raise WrongState(f"The question about {request.reference} was answered a moment ago.")
        question.answer, question.answered_at = text, now
        GovernanceRequest.objects.filter(pk=request.pk).update(asked=Asked.ANSWERED)
        record(request, Fact.ANSWERED, actor=agent_actor(request.agent.name), now=now, question=question.pk, text=text)
        tell(request)
    return question


def _text(text: str, limit: int) -> str:
    text = text.strip()
    if not text:
        raise InvalidArguments(_("Write something first."))
    if not is_storable(text):
        raise InvalidArguments(_("The text has characters that cannot be kept: NUL or half of a pair."))
    if len(text) > limit:
        raise InvalidArguments(_("Keep it within %(limit)d characters.") % {"limit": limit})
    return text
