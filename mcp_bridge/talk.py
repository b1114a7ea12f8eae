"""Talk: what passes between a running tool and the agent that called it, beside the result.

Progress goes to the exchange that holds the call now. A question goes there, too: asked at once where the protocol lets
a server ask (before 2026-07-28), else as the answer `input_required`, which the client answers by repeating its call,
or in the state of a task. All of it lives in one process and only until the call has ended.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings

from governance.errors import GovernanceError, InvalidArguments
from mcp_bridge.downstream import live
from mcp_bridge.downstream.remote.wire import asked_as

MAX_OPEN = 1_000  # calls of this process that wait for answers
MAX_QUESTIONS = 16  # of one call at a time
MAX_NAME = 100
MAX_ANSWER_CHARS = 65_536
CANCELLED: dict[str, Any] = {"action": "cancel"}
ACTIONS = ("accept", "decline", "cancel")


class UnknownQuestion(GovernanceError):
    """An answer to nothing that is asked now."""

    def __init__(self) -> None:
        super().__init__(
            "This question is not open (any more): it was answered, took too long, belongs to another call, or the "
            "gateway restarted. Nothing was run again. check_status lists your open requests."
        )


def answer_seconds() -> float:
    """What people have for an answer: less than the tool has for the call, so that the tool still hears of it."""
    return settings.TOOL_TIMEOUT_SECONDS * 0.8


@dataclass(frozen=True)
class Client:
    """The agent's side of one exchange.

    `report` takes progress. `ask` puts a question to the client and waits; None when it cannot be asked so.
    `takes_input_required`: it answers questions by repeating the call. `takes_tasks`: it declared the tasks extension.
    `was_cancelled` tells an explicit cancellation from a lost connection. `state` and `answers` come with a repetition.
    """

    report: live.Progress
    ask: live.Question | None = None
    takes_input_required: bool = False
    takes_tasks: bool = False
    was_cancelled: Callable[[], bool] = lambda: False
    state: str | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def can_be_asked(self) -> bool:
        return self.ask is not None or self.takes_input_required


@dataclass
class Question:
    params: Mapping[str, Any]
    answer: "asyncio.Future[dict[str, Any]]"


class Talk:
    """Belongs to one event loop; `report` and `ask` may be awaited on any."""

    def __init__(self, agent_id: int, *, as_task: bool = False) -> None:
        self.agent_id = agent_id
        self.state = ""
        self.asked, self.cancelled = asyncio.Event(), asyncio.Event()
        self.questions: dict[str, Question] = {}
        self._loop = asyncio.get_running_loop()
        self._client: Client | None = None
        self._as_task = as_task
        self._early_answers: dict[str, Any] = {}
        self._one_by_one = asyncio.Lock()
        self._waited, self._tool_speaks = 0.0, False  # the last note's value; whether the tool's progress came

    @contextmanager
    def held_by(self, client: Client) -> Iterator[None]:
        before, self._client = self._client, client
        self._waited, self._tool_speaks = 0.0, False
        try:
            yield
        finally:
            if self._client is client:
                self._client = before

    # -- progress

    async def note(self, waited: float, at_most: float, message: str) -> None:
        """The gateway's own progress, in seconds, until the tool's begins."""
        if self._client is not None and not self._tool_speaks:
            self._waited = waited
            await self._client.report(waited, at_most, message)

    async def report(self, done: float, total: float | None, message: str | None) -> None:
        """The tool's progress in its own numbers, on top of the gateway's notes if there were any: it may only rise."""
        await live.over_there(self._loop, self._report(done, total, message))

    async def _report(self, done: float, total: float | None, message: str | None) -> None:
        if self._client is not None:
            self._tool_speaks, begin = True, self._waited
            await self._client.report(begin + done, None if total is None else begin + total, message)

    # -- questions

    async def ask(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A person's answer to the form; declined when nobody can be asked, cancelled when nobody answers in time."""
        return await live.over_there(self._loop, self._ask(params, asked_as.get()))

    async def _ask(self, params: Mapping[str, Any], name: str) -> dict[str, Any]:
        client = self._client
        if params.get("mode", "form") != "form" or not (self._as_task or (client and client.can_be_asked)):
            return live.DECLINED
        if client is not None and client.ask is not None:
            async with self._one_by_one:  # each is a dialogue of its own
                return await client.ask(params)
        if _is_answer(given := self._early_answers.pop(name, None)):
            return given
        return await self._wait_for_answer(params, name)

    async def _wait_for_answer(self, params: Mapping[str, Any], name: str) -> dict[str, Any]:
        if len(_by_state) >= MAX_OPEN or len(self.questions) >= MAX_QUESTIONS:
            return CANCELLED
        if not self.questions:
            self.state = secrets.token_urlsafe(24)
        # The server's own name for it, where it has one: what the agent sees is what the server asked.
        key = name if 0 < len(name) <= MAX_NAME and name not in self.questions else secrets.token_urlsafe(8)
        question = self.questions[key] = Question(dict(params), self._loop.create_future())
        _by_state[self.state] = self
        self.asked.set()
        try:
            async with asyncio.timeout(answer_seconds()):
                return await question.answer
        except TimeoutError:
            return CANCELLED
        finally:
            self.questions.pop(key, None)
            if not self.questions:
                self.asked.clear()
                _by_state.pop(self.state, None)

    def input_requests(self) -> dict[str, Any]:
        """The open questions as MCP writes them."""
        return {
            key: {"method": "elicitation/create", "params": {"mode": "form", **question.params}}
            for key, question in self.questions.items() if not question.answer.done()
        }

    # -- as a task

    def become_task(self, request_id: UUID) -> None:
        """From now on questions are asked in the state of the task."""
        self._as_task = self._as_task or bool(self._client and self._client.can_be_asked)
        _tasks[request_id] = self

    def end_task(self, request_id: UUID) -> None:
        if _tasks.get(request_id) is self:
            del _tasks[request_id]

    def cancel(self) -> None:
        """Gives the running call up, from any thread."""
        self._loop.call_soon_threadsafe(self.cancelled.set)

    def answer_early(self, answers: Mapping[str, Any]) -> None:
        """Answers to questions that the tool has not asked yet, by their names."""
        self._early_answers = dict(list(answers.items())[:MAX_QUESTIONS])

    def take(self, answers: Mapping[str, Any]) -> None:
        """Answers to open questions; the first one counts, others are ignored. Raises InvalidArguments."""
        for key, answer in answers.items():
            question = self.questions.get(key)
            if question is None or question.answer.done():
                continue
            if not _is_answer(answer):
                raise InvalidArguments(
                    f"An answer is an object with action accept, decline or cancel, of at most {MAX_ANSWER_CHARS:,} "
                    "characters."
                )
            question.answer.set_result(answer)
        if not self.input_requests():
            self.asked.clear()


def _is_answer(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.get("action") in ACTIONS and len(str(answer)) <= MAX_ANSWER_CHARS


_by_state: dict[str, Talk] = {}
_tasks: dict[UUID, Talk] = {}


def asked_with(state: str, agent_id: int) -> Talk:
    """The talk whose questions carry this state. Raises UnknownQuestion."""
    talk = _by_state.get(state)
    if talk is None or talk.agent_id != agent_id:
        raise UnknownQuestion
    return talk


@contextlib.contextmanager
def of_task(request_id: UUID, agent_id: int) -> Iterator[Talk]:
    """A talk whose questions are asked in the state of a task."""
    talk = Talk(agent_id, as_task=True)
    talk.become_task(request_id)
    try:
        with live.held(request_id, ask=talk.ask):
            yield talk
    finally:
        talk.end_task(request_id)


def task_talk(request_id: UUID) -> Talk | None:
    return _tasks.get(request_id)
