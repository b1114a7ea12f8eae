"""A day at the welfare office, for pictures: agents ask, people decide, some calls still wait.

Every row is made by the real verbs, scored by the embedded scorer and run by the built-in office. Only the clock is
ours, which the verbs read through django.utils.timezone.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from governance import actions
from governance.models import Agent, GovernanceRequest, Team, Tool, User
from governance.models.decisions import Source
from governance.scoring.registry import proposed_call, score_call
from governance.states import Status, Verdict
from mcp_bridge.downstream.welfare.seed import seed_beneficiaries
from reviews.tallying import tally_all
from tests.factories import make_agent, make_reviewer

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
RULES = """version: 1
rules:
  - name: audits-are-seen
    effect: review
    when: {agent: "Night audit", server: welfare}
  - name: lookups-go-through
    effect: allow
    when: {server: welfare, tool: check_payment_status}
  - name: bank-details-need-a-person
    effect: review
    deadline: 4h
    when: {tool: modify_welfare_record, arguments: {field: {in: [bank_account]}}}
  - name: long-extensions
    effect: review
    deadline: 8h
    when: {tool: "request_*extension", arguments: {days: {more: 45}}}
"""
EXTEND, MODIFY, LOOK = "request_payment_extension", "modify_welfare_record", "check_payment_status"
IN_FORCE = [f"BEN-{number}" for number in (101, 108, 115, 123, 131, 140, 167, 174, 189, 218)]
WHY = (
    "The housing office decides later than the payments end.", "Waiting for the doctor's letter, which is on its way.",
    "The course was moved by two weeks, and the payments with it.", "The new job begins later than agreed.",
)
NO = (
    "The entitlement ends with the course. Ask for the enrolment letter first.",
    "Call the person back on the number on file before the account changes.",
    "Thirty days are enough here; ask again with fewer.",
)
Life = Iterator[timedelta]


class Clock(datetime):
    """Stands at `moment`, but for the 3 ms that each look at it takes."""

    moment: datetime | None = None

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        if cls.moment is None:
            return datetime.now(tz)
        cls.moment += timedelta(milliseconds=3)
        return cls.moment


def live_a_day() -> GovernanceRequest:
    """Fills the database; the request whose card is worth a picture."""
    now, story = timezone.now(), Story()
    with patch("django.utils.timezone.datetime", Clock):
        Clock.moment = now - timedelta(days=8)
        story.settle()
        run(story.week(now) + story.day(now))
        Clock.moment = None
    tally_all()
    return story.shown


def run(lives: list[tuple[datetime, Life]]) -> None:
    """Each life yields how long it waits until its next step; all steps in the order of their time."""
    order = count()
    due = [(at, next(order), life) for at, life in lives]
    heapq.heapify(due)
    while due:
        at, _number, life = heapq.heappop(due)
        Clock.moment = at
        if (wait := next(life, None)) is not None:
            heapq.heappush(due, (at + wait, next(order), life))


class Story:
    """Who is there, and what each does."""

    def __init__(self) -> None:
        self.chance = Random(7)
        self.shown: GovernanceRequest | None = None

    def settle(self) -> None:
        team = Team.objects.default()
        actions.install_builtin_tools(team)
        seed_beneficiaries()
        people = {"sarah": "Sarah Lind", "mona": "Mona Abadi", "jonas": "Jonas Keller"}
        self.people = [
            make_reviewer(name, first_name=full.split()[0], last_name=full.split()[1]) for name, full in people.items()
        ]
        owner = make_reviewer("olga", role="operator", first_name="Olga", last_name="Ferrer")
        names = ("Pay-desk agent", "Intake agent", "Housing agent", "Night audit")
        self.agents = [make_agent(name, owner=owner) for name in names]
        for agent in self.agents:
            actions.issue_agent_token(agent, by=owner)
        actions.activate_policy(actions.save_policy(team, RULES, note="Bank details and long extensions", by=owner))

    # -- when -------------------------------------------------------------------------------------

    def week(self, now: datetime) -> list[tuple[datetime, Life]]:
        """Six working days before, fewer calls each."""
        lives = []
        for days in range(6, 0, -1):
            for _ in range(self.chance.randint(7, 13)):
                at = now - timedelta(days=days) + self.chance.randint(-300, 60) * MINUTE
                lives.append((at, self.any_call()))
        return lives

    def day(self, now: datetime) -> list[tuple[datetime, Life]]:
        midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        span = min(now - midnight, timedelta(hours=9)) - 40 * MINUTE  # nothing of today may begin before today
        span, newest = max(span, 20 * MINUTE), now - 35 * MINUTE
        begun = [(newest - self.chance.random() * span, self.any_call()) for _ in range(46)]
        sarah, mona, jonas = self.people
        pay, intake, housing, night = self.agents
        ask = lambda agent, beneficiary, days, reason, **told: self.waiting(  # noqa: E731
            agent, EXTEND, {"beneficiary_id": beneficiary, "days": days, "reason": reason}, **told
        )
        return [
            *begun,
            (now - 176 * MINUTE, self.waiting(intake, MODIFY, {
                "beneficiary_id": "BEN-131", "field": "bank_account", "new_value": "XX44ATLS00000000770131",
                "reason": "Mr Solberg wrote by e-mail that he has changed banks.",
            }, told="An e-mail from a new address asks for the account to be changed.", asked=(
                mona, "From which address did the e-mail come, and is it the one on file?",
                "It came from h.solberg@freemail.example. The address on file is another one.",
            ))),
            (now - 128 * MINUTE, ask(housing, "BEN-218", 60, WHY[0], told="Samuel called twice this week.",
                held=(mona, jonas, 70 * MINUTE))),
            (now - 97 * MINUTE, ask(pay, "BEN-174", 90, WHY[1], told="The sickness benefit ends this month.")),
            (now - 58 * MINUTE, self.waiting(intake, MODIFY, {
                "beneficiary_id": "BEN-140", "field": "household_size", "new_value": "6",
                "reason": "Farida Rahmani's daughter was born on Tuesday.",
            }, told="The birth certificate is attached to the case.")),
            (now - 41 * MINUTE, self.waiting(intake, MODIFY, {
                "beneficiary_id": "BEN-152", "field": "status", "new_value": "active",
                "reason": "Joaquim Teixeira handed the missing papers in.",
            }, told="He came to the desk with the papers.")),
            (now - 23 * MINUTE, ask(
                pay, "BEN-123", 60, "Ada Obi lost her job and cannot pay the rent before the housing office decides.",
                told="Ada Obi asked me to extend her payments by 60 days.", is_shown=True,
            )),
            *((now - minutes * MINUTE, self.waiting(night, LOOK, {"beneficiary_id": beneficiary}, told=told))
              for minutes, beneficiary, told in (
                  (31, "BEN-196", "The file is closed; I check that nothing is paid any more."),
                  (9, "BEN-152", "The weekly audit of suspended payments."),
              )),
            (now - 12 * MINUTE, ask(housing, "BEN-115", 60, WHY[0], told="The landlord has given notice.",
                held=(sarah, sarah, 8 * MINUTE))),
            (now - 4 * MINUTE, self.waiting(pay, MODIFY, {
                "beneficiary_id": "BEN-108", "field": "bank_account", "new_value": "XX09ATLS00000000880108",
                "reason": "New account, confirmed by letter.",
            }, told="Tomasz Wieczorek sent a signed letter.")),
        ]

    def any_call(self) -> Life:
        agent = self.chance.choice(self.agents[:3] + self.agents[:1])
        beneficiary = self.chance.choice(IN_FORCE)
        kind = self.chance.random()
        if kind < 0.38:
            return self.passing(agent, LOOK, {"beneficiary_id": beneficiary})
        if kind < 0.84:
            days = self.chance.choice((7, 14, 14, 30, 60))
            return self.decided(agent, EXTEND, {
                "beneficiary_id": beneficiary, "days": days, "reason": self.chance.choice(WHY)
            }, edit={"days": 14} if days == 60 and self.chance.random() < 0.5 else {})
        return self.decided(agent, MODIFY, {
            "beneficiary_id": beneficiary, "field": "phone", "reason": "Changed on the phone.",
            "new_value": f"+1555010{self.chance.randint(1000, 9999)}",
        })

    # -- what -------------------------------------------------------------------------------------

    def arrived(self, agent: Agent, tool: str, arguments: dict[str, Any], told: str) -> GovernanceRequest:
        request, _ = actions.receive(
            agent=agent, tool=Tool.objects.get(exposed_name=tool), arguments=arguments, stated_reason=told
        )
        agent.tokens.update(last_used_at=timezone.now())
        return request

    def scored(self, request: GovernanceRequest) -> GovernanceRequest:
        if request.status == Status.RECEIVED:
            request = actions.begin_scoring(request.pk)
            actions.assess(request, score_call(proposed_call(request)))
            actions.triage(request.pk)
        return GovernanceRequest.objects.get(pk=request.pk)

    def executed(self, request: GovernanceRequest) -> None:
        if execution := actions.claim_execution(request.pk):
            actions.run_tool(execution)
            actions.record_outcome(request.pk)

    def passing(self, agent: Agent, tool: str, arguments: dict[str, Any]) -> Life:
        request = self.arrived(agent, tool, arguments, "The caller asks when the next payment arrives.")
        yield SECOND
        request = self.scored(request)
        yield SECOND
        if request.status == Status.APPROVED:
            self.executed(request)

    def decided(self, agent: Agent, tool: str, arguments: dict[str, Any], edit: dict[str, Any] | None = None) -> Life:
        request = self.arrived(agent, tool, arguments, arguments["reason"])
        yield SECOND
        request = self.scored(request)
        if request.status == Status.IN_REVIEW:
            yield self.chance.choice((1, 1, 2, 3, 5, 8, 13, 26)) * MINUTE + self.chance.randint(3, 55) * SECOND
            self.decide(request, arguments, edit)
            yield 6 * SECOND
        yield SECOND
        if GovernanceRequest.objects.get(pk=request.pk).status == Status.APPROVED:
            self.executed(request)

    def decide(self, request: GovernanceRequest, arguments: dict[str, Any], edit: dict[str, Any] | None) -> None:
        rejects = self.chance.random() < 0.22
        actions.decide(
            request, reviewer=self.chance.choice(self.people), source=Source.CONSOLE,
            verdict=Verdict.REJECTED if rejects else Verdict.APPROVED,
            reason=self.chance.choice(NO) if rejects else "",
            arguments={**arguments, **edit} if edit and not rejects else None,
        )

    def waiting(
        self, agent: Agent, tool: str, arguments: dict[str, Any], *, told: str,
        held: tuple[User, User, timedelta] | None = None, asked: tuple[User, str, str] | None = None,
        is_shown: bool = False,
    ) -> Life:
        request = self.arrived(agent, tool, arguments, told)
        yield SECOND
        request = self.scored(request)
        if is_shown:
            self.shown = request
        if asked:
            yield 20 * MINUTE
            actions.ask(request, reviewer=asked[0], text=asked[1])
            yield 3 * MINUTE
            actions.answer(request, agent=agent, text=asked[2])
        if held:
            giver, taker, after = held
            yield after
            if giver == taker:
                actions.claim(request, reviewer=taker)
            else:
                actions.hand_over(request, reviewer=giver, to=taker, note="You know the family.")
